extension Duration {
    var nanoseconds: Int64 { Int64(clamping: components.seconds) * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
