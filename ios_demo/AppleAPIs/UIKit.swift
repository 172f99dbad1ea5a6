// Declarations of what this project uses of Apple's UIKit, and of what Foundation and Darwin have on Apple's systems
// alone, written for it, to check types where there is no Apple SDK. Nothing here does anything.
@_exported import CoreGraphics
@_exported import Glibc

@MainActor
open class UIApplication: NSObject {
    public nonisolated static let didReceiveMemoryWarningNotification = NSNotification.Name("")
    public class var shared: UIApplication { fatalError() }
    open var isIdleTimerDisabled = false
}

@MainActor
open class UIDevice: NSObject {
    public class var current: UIDevice { fatalError() }
    open var systemName: String { "" }
    open var systemVersion: String { "" }
}

extension NotificationCenter {
    public func notifications(named name: Notification.Name, object: AnyObject? = nil) -> AsyncStream<Notification> {
        AsyncStream { _ in }
    }
}
