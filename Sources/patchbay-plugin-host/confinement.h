// What the helper may ask of the kernel.
#ifndef CONFINEMENT_H
#define CONFINEMENT_H

/// Gives up capabilities, and where the kernel has Landlock, writing files and reaching other processes through /proc. For this thread
/// and those that it starts.
void confine_reach(void);

/// Before the plugin is loaded: it may open files and start threads, as libraries do, but not reach into other processes, start
/// programs or raise its limits. \returns an error number, or 0.
int confine_loading(void);

/// Once an instance is made: memory, time and what is open already. For all threads. \returns an error number, or 0.
int confine_processing(void);

#endif
