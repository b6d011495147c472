import Hummingbird
import HummingbirdCore
import NIOPosix
import NIOHTTP1
import NIOWebSocket
