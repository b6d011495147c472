import CLoad
import Foundation
import Testing

struct HistogramTests {
    @Test(
        "A quantile is never below the true value and at most 0.8 % above it",
        arguments: [1, 100, 127, 128, 129, 1_000, 65_535, 1_234_567, 999_999_999, 500_000_000_000] as [UInt64])
    func precision(value: UInt64) throws {
        let histogram = try #require(cload_histogram_create())
        defer { cload_histogram_destroy(histogram) }
        cload_histogram_add(histogram, value)
        cload_histogram_add(histogram, value * 2)
        let half = cload_histogram_quantile(histogram, 0.5)
        #expect(half >= value)
        #expect(Double(half) <= Double(value) * 1.008)
        #expect(cload_histogram_quantile(histogram, 1) == value * 2)
        #expect(cload_histogram_max(histogram) == value * 2)
    }

    @Test("The p99 of a hundred values is the ninety-ninth")
    func rank() throws {
        let histogram = try #require(cload_histogram_create())
        defer { cload_histogram_destroy(histogram) }
        for value in 1...100 as ClosedRange<UInt64> { cload_histogram_add(histogram, value) }
        #expect(cload_histogram_quantile(histogram, 0.99) == 99)
        #expect(cload_histogram_quantile(histogram, 0.5) == 50)
        #expect(cload_histogram_quantile(histogram, 0) == 1)
    }

    @Test("Merging adds counts, and values beyond the range stay in the last bucket")
    func merge() throws {
        let one = try #require(cload_histogram_create())
        let other = try #require(cload_histogram_create())
        defer {
            cload_histogram_destroy(one)
            cload_histogram_destroy(other)
        }
        cload_histogram_add(one, 10)
        cload_histogram_add(other, UInt64.max)
        cload_histogram_merge(one, other)
        #expect(cload_histogram_count(one) == 2)
        #expect(cload_histogram_quantile(one, 1) == (1 << 40) - 1)
    }

    @Test("What one process saved, another adds to its own; a file cut short adds nothing")
    func save() throws {
        let one = try #require(cload_histogram_create())
        let other = try #require(cload_histogram_create())
        defer {
            cload_histogram_destroy(one)
            cload_histogram_destroy(other)
        }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        cload_histogram_add(one, 7)
        cload_histogram_add(one, 12_345_678)
        cload_histogram_add(other, 9)
        #expect(cload_histogram_save(one, path))
        #expect(cload_histogram_merge_saved(other, path))
        #expect(cload_histogram_count(other) == 3)
        #expect(cload_histogram_max(other) == 12_345_678)
        #expect(truncate(path, 100) == 0)
        #expect(!cload_histogram_merge_saved(other, path))
        #expect(!cload_histogram_merge_saved(other, path + "-none"))
        #expect(cload_histogram_count(other) == 3)
    }
}
