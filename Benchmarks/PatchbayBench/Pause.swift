import Glibc

/// Blocks the calling thread.
func pause(seconds: Double) { usleep(UInt32(max(seconds, 0) * 1e6)) }
