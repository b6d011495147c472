import PatchbayJSON
import Testing

@Suite("Address sets")
struct AddressSetTests {
    private func contains(_ set: AddressSet, _ address: String) -> Bool {
        Array(address.utf8).withUnsafeBytes { set.contains($0) }
    }

    @Test("Hexadecimal addresses compare without regard to case, others exactly")
    func comparesCase() {
        let set = AddressSet(["0xAbCd", "So11111", "0Xff"])
        for address in ["0xabcd", "0XABCD", "0xAbCd", "So11111", "0xFF"] { #expect(contains(set, address), "\(address)") }
        for address in ["so11111", "0xabc", "0xabcde", "abcd", "", "0", "0x", "SO11111"] {
            #expect(!contains(set, address), "\(address)")
        }
    }

    @Test("Large sets find all of theirs and nothing else; repetition does no harm")
    func large() {
        let addresses = (0..<5_000).map { "0x" + String($0 &* 2_654_435_761, radix: 16) }
        let set = AddressSet(addresses + addresses)
        #expect(addresses.allSatisfy { contains(set, $0) })
        #expect((0..<5_000).allSatisfy { !contains(set, "0y" + String($0, radix: 16)) })
        #expect(!contains(AddressSet([]), "0x1"))
    }
}
