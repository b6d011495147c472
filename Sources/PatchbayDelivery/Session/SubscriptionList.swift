import PatchbayCore

/// A client's subscriptions, in no order. Most clients have one, and for one it takes no memory of its own.
struct SubscriptionList: RandomAccessCollection {
    private enum Storage {
        case none
        case one(Subscription)
        case several([Subscription])
    }

    private var storage = Storage.none

    var startIndex: Int { 0 }

    var endIndex: Int {
        switch storage {
        case .none: 0
        case .one: 1
        case .several(let list): list.count
        }
    }

    subscript(index: Int) -> Subscription {
        switch storage {
        case .none: preconditionFailure("index \(index) of no subscriptions")
        case .one(let subscription):
            precondition(index == 0, "index \(index) of one subscription")
            return subscription
        case .several(let list): return list[index]
        }
    }

    mutating func append(_ subscription: Subscription) {
        switch storage {
        case .none: storage = .one(subscription)
        case .one(let first): storage = .several([first, subscription])
        case .several(var list):
            // Not shared while it grows.
            storage = .none
            list.append(subscription)
            storage = .several(list)
        }
    }

    /// The last one takes its place.
    mutating func remove(at index: Int) {
        switch storage {
        case .none: break
        case .one: storage = .none
        case .several(var list):
            storage = .none
            list.swapAt(index, list.count - 1)
            list.removeLast()
            if list.count == 1 { storage = .one(list[0]) } else { storage = .several(list) }
        }
    }

    mutating func removeAll() { storage = .none }
}
