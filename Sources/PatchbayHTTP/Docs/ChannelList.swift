import PatchbayDelivery

/// What `GET /channels` answers.
enum ChannelList {
    static func tree(of routes: DocumentedRoutes) -> JSONTree {
        [
            "channels": .array(
                routes.channels.map { channel in
                    let start: JSONTree = ["name": .string(channel.name)]
                    return start.with("description", channel.description.map(JSONTree.string))
                        .with("buffer", .integer(channel.buffer)).with("template", .bool(channel.isTemplate))
                        .with("types", .strings(routes.types(on: channel.name)))
                })
        ]
    }
}
