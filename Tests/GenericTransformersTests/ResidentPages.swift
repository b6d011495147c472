import Foundation

/// Pages of this process that are in memory (proc(5), /proc/self/statm, second field).
func residentPages() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
}
