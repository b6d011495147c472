/// What a token is called.
struct TokenName: Sendable {
    let symbol: String
    let name: String
}

/// Names without repetition: pairs of words, then the same pairs with a number.
struct TokenNames: Sendable {
    private static let first = [
        "Moon", "Solar", "Turbo", "Baby", "Captain", "Golden", "Pixel", "Quantum", "Sleepy", "Iron", "Velvet", "Neon",
        "Doge", "Lucky", "Cosmic", "Frosty",
    ]
    private static let second = [
        "Otter", "Shiba", "Falcon", "Turtle", "Koala", "Cactus", "Comet", "Mango", "Panda", "Walrus", "Yeti", "Gecko",
        "Badger", "Rocket", "Lobster",
    ]

    private var pair: Int
    private var given = 0

    init(_ random: inout SplitMix64) {
        pair = Int.random(in: 0..<(Self.first.count * Self.second.count), using: &random)
    }

    mutating func next() -> TokenName {
        let pairs = Self.first.count * Self.second.count
        let round = given / pairs
        given += 1
        // 240 pairs in steps of 101, which is coprime to it: neighbours share no word, and every pair comes up.
        pair = (pair + 101) % pairs
        let words = (Self.first[pair / Self.second.count], Self.second[pair % Self.second.count])
        let suffix = round == 0 ? "" : String(round + 1)
        return TokenName(
            symbol: words.0.prefix(2).uppercased() + words.1.prefix(4).uppercased() + suffix,
            name: words.0 + " " + words.1 + (suffix.isEmpty ? "" : " " + suffix))
    }
}
