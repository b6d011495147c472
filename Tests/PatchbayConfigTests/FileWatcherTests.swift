import Foundation
import Synchronization
import Testing

@testable import PatchbayConfig

/// Every way in which a file changes under a running process.
@Suite struct FileWatcherTests {
    private final class Folder: Sendable {
        let url: URL
        init() throws {
            url = FileManager.default.temporaryDirectory.appendingPathComponent("watch-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        }
        deinit { try? FileManager.default.removeItem(at: url) }
        func path(_ name: String) -> String { url.appendingPathComponent(name).path }
        func write(_ text: String, to name: String, atomically: Bool = false) throws {
            try text.write(toFile: path(name), atomically: atomically, encoding: .utf8)
        }
        func link(_ name: String, to target: String) throws {
            try FileManager.default.createSymbolicLink(atPath: path(name), withDestinationPath: target)
        }
    }

    private final class Count: Sendable {
        private let value = Atomic<Int>(0)
        var now: Int { value.load(ordering: .relaxed) }
        func add() { value.wrappingAdd(1, ordering: .relaxed) }
    }

    /// Runs `body` while the files are watched, once the watcher has had its first look.
    private func watching(
        _ files: @escaping @Sendable () -> [String], _ body: (_ changes: Count, _ looks: Count) async throws -> Void
    ) async throws {
        let (looks, changes) = (Count(), Count())
        let task = Task {
            await FileWatcher(interval: .milliseconds(10)).run(
                files: {
                    looks.add()
                    return files()
                }, changed: { changes.add() })
        }
        defer { task.cancel() }
        try await until("the first looks") { looks.now > 2 }
        try await body(changes, looks)
        // A change is told once: some more looks see nothing new.
        let (told, looked) = (changes.now, looks.now)
        try await until("more looks") { looks.now > looked + 5 }
        #expect(changes.now == told)
    }

    private func until(_ what: String, _ condition: () -> Bool) async throws {
        // Counted in looks, not in time: where the machine is busy with other tests, the watcher has to wait as well.
        for _ in 0..<10_000 where !condition() { try await Task.sleep(for: .milliseconds(2)) }
        try #require(condition(), "never happened: \(what)")
    }

    /// A log that was written to the folder, or an editor that saved without end, kept the watcher waiting for the files to
    /// stand still, and no change was ever taken up.
    @Test func filesThatNeverStandStillAreTakenAsTheyStand() throws {
        let folder = try Folder()
        let path = folder.path("routes.yaml")
        func look(_ text: String) throws -> FileWatcher.Look {
            try folder.write(text, to: "routes.yaml")
            return FileWatcher.look(atFiles: [path])
        }
        var text = "x"
        var settling = FileWatcher.Settling(try look(text), mostLooks: 10)
        var taken: [Int] = []
        for number in 1...35 {
            text += "x"
            if settling.takesUp(try look(text)) { taken.append(number) }
        }
        #expect(taken == [10, 20, 30])
        // Once it stands still, it is taken at once, and then nothing more.
        let last = FileWatcher.look(atFiles: [path])
        let isTaken = settling.takesUp(last)
        let isTakenAgain = settling.takesUp(last)
        #expect(isTaken && !isTakenAgain)
        #expect(FileWatcher.patience == .seconds(2))
    }

    /// The same in a running watcher: the file is another one at every look.
    @Test func aFileThatIsAnotherOneAtEveryLookIsTakenUpAfterAWhile() async throws {
        let folder = try Folder()
        let (looks, changes) = (Count(), Count())
        let path = folder.path("routes.yaml")
        let task = Task {
            await FileWatcher(interval: .milliseconds(10), patience: .milliseconds(100)).run(
                files: {
                    looks.add()
                    try? folder.write(String(repeating: "x", count: looks.now), to: "routes.yaml")
                    return [path]
                }, changed: { changes.add() })
        }
        defer { task.cancel() }
        try await until("the second change") { changes.now == 2 }
        // Not at every look either: the tenth and the twentieth after the first.
        #expect(looks.now > 20)
    }

    @Test func writingInPlaceIsNoticed() async throws {
        let folder = try Folder()
        try folder.write("one", to: "routes.yaml")
        let path = folder.path("routes.yaml")
        try await watching({ [path] }) { changes, _ in
            let handle = try #require(FileHandle(forWritingAtPath: path))
            try handle.write(contentsOf: Data("two!".utf8))
            try handle.close()
            try await until("the change") { changes.now == 1 }
        }
    }

    @Test func replacingByARenameIsNoticed() async throws {
        let folder = try Folder()
        try folder.write("one", to: "routes.yaml")
        let path = folder.path("routes.yaml")
        try await watching({ [path] }) { changes, _ in
            try folder.write("two", to: "routes.yaml", atomically: true)
            try await until("the change") { changes.now == 1 }
            try folder.write("one", to: "routes.yaml", atomically: true)
            try await until("the second change") { changes.now == 2 }
        }
    }

    /// Kubernetes mounts a ConfigMap as links: routes.yaml → ..data/routes.yaml, ..data → ..2026_1. An update makes
    /// ..2026_2, a new link beside ..data, and renames it over ..data: neither routes.yaml nor what it names changes.
    @Test func swappingTheDataLinkOfAConfigMapIsNoticed() async throws {
        let folder = try Folder()
        for (name, text) in [("..2026_1", "one"), ("..2026_2", "two")] {
            try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
            try folder.write(text, to: "\(name)/routes.yaml")
        }
        try folder.link("..data", to: "..2026_1")
        try folder.link("routes.yaml", to: "..data/routes.yaml")
        let path = folder.path("routes.yaml")
        try await watching({ [path] }) { changes, _ in
            try folder.link("..data_tmp", to: "..2026_2")
            #expect(rename(folder.path("..data_tmp"), folder.path("..data")) == 0)
            try await until("the change") { changes.now == 1 }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "two")
        }
    }

    @Test func aFileThatGoesAndComesBackIsNoticed() async throws {
        let folder = try Folder()
        try folder.write("one", to: "routes.yaml")
        let path = folder.path("routes.yaml")
        try await watching({ [path] }) { changes, _ in
            try FileManager.default.removeItem(atPath: path)
            try await until("its going") { changes.now == 1 }
            try folder.write("two", to: "routes.yaml")
            try await until("its coming") { changes.now == 2 }
        }
    }

    @Test func aNewFileInAWatchedFolderIsNoticed() async throws {
        let folder = try Folder()
        let path = folder.url.path
        try await watching({ [path] }) { changes, _ in
            try folder.write("one", to: "more.yaml")
            try await until("the change") { changes.now == 1 }
        }
    }

    @Test func aFileThatJoinsTheListIsNoChangeByItself() async throws {
        let folder = try Folder()
        try folder.write("one", to: "a")
        try folder.write("one", to: "b")
        let files = Mutex([folder.path("a")])
        let list: @Sendable () -> [String] = { files.withLock { $0 } }
        try await watching(list) { changes, looks in
            files.withLock { $0.append(folder.path("b")) }
            let looked = looks.now
            try await until("some looks") { looks.now > looked + 5 }
            #expect(changes.now == 0)
            try folder.write("two", to: "b", atomically: true)
            try await until("the change of the second") { changes.now == 1 }
        }
    }
}
