// Declarations of what this project uses of Apple's SwiftUI: controls and containers. See SwiftUI.swift.

public struct LocalizedStringKey: ExpressibleByStringInterpolation, Sendable {
    public init(stringLiteral value: String) {}
    public init(stringInterpolation: StringInterpolation) {}
    public struct StringInterpolation: StringInterpolationProtocol {
        public init(literalCapacity: Int, interpolationCount: Int) {}
        public mutating func appendLiteral(_ literal: String) {}
        public mutating func appendInterpolation(_ string: String) {}
        public mutating func appendInterpolation<T: BinaryFloatingPoint>(_ value: T, specifier: String) {}
    }
}

public struct Text: Drawn {
    public init(_ key: LocalizedStringKey) {}
    @_disfavoredOverload public init<S: StringProtocol>(_ content: S) {}
}

public struct Label: Drawn {
    public init(_ title: String, systemImage name: String) {}
}

public struct Image: Drawn {
    public init(decorative cgImage: CGImage, scale: CGFloat) {}
    public func resizable() -> Image { self }
}

public struct Button: Drawn {
    public init(_ title: String, action: @escaping @MainActor () -> Void) {}
}

public struct Toggle: Drawn {
    public init(_ title: String, isOn: Binding<Bool>) {}
}

public struct ProgressView: Drawn {
    public init<V: BinaryFloatingPoint>(value: V?, total: V = 1) {}
}

public struct ContentUnavailableView: Drawn {
    public init(_ title: String, systemImage name: String) {}
}

public struct VStack<Content: View>: Drawn {
    public init(alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {}
}

public struct HStack<Content: View>: Drawn {
    public init(spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {}
}

public struct ZStack<Content: View>: Drawn {
    public init(alignment: Alignment = .center, @ViewBuilder content: () -> Content) {}
}

public struct Group<Content: View>: Drawn {
    public init(@ViewBuilder content: () -> Content) {}
}

public struct List<Content: View>: Drawn {
    public init(@ViewBuilder content: () -> Content) {}
}

public struct ScrollView<Content: View>: Drawn {
    public init(_ axes: Axis.Set = .vertical, showsIndicators: Bool = true, @ViewBuilder content: () -> Content) {}
}

public struct TabView<Content: View>: Drawn {
    public init(@ViewBuilder content: () -> Content) {}
}

public struct NavigationStack<Content: View>: Drawn {
    public init(@ViewBuilder root: () -> Content) {}
}

public struct GeometryProxy {
    public var size: CGSize { .zero }
}

public struct GeometryReader<Content: View>: Drawn {
    public init(@ViewBuilder content: @escaping (GeometryProxy) -> Content) {}
}

public struct ForEach<Data: RandomAccessCollection, ID: Hashable, Content: View>: Drawn {
    public init(_ data: Data, id: KeyPath<Data.Element, ID>, @ViewBuilder content: @escaping (Data.Element) -> Content) {}
}

@MainActor @preconcurrency
public protocol ToolbarContent {
    associatedtype Body: ToolbarContent
    @ToolbarContentBuilder @MainActor @preconcurrency var body: Body { get }
}

extension Never: ToolbarContent {}

@resultBuilder
public enum ToolbarContentBuilder {
    public static func buildBlock<each C: ToolbarContent>(_ content: repeat each C) -> Bar { Bar() }
    public struct Bar: ToolbarContent {
        public var body: Never { return fatalError() }
    }
}

public struct ToolbarItemPlacement {
    public static let topBarLeading = ToolbarItemPlacement()
    public static let topBarTrailing = ToolbarItemPlacement()
}

extension ToolbarItemPlacement: Sendable {}

public struct ToolbarItem<Content: View>: ToolbarContent {
    public init(placement: ToolbarItemPlacement, @ViewBuilder content: () -> Content) {}
    public var body: Never { return fatalError() }
}

// MARK: Gestures

@MainActor @preconcurrency
public protocol Gesture {
    associatedtype Value
}

public struct DragGesture: Gesture {
    public struct Value: Equatable, Sendable { public var location: CGPoint }
    public init(minimumDistance: CGFloat = 10) {}
    public func onChanged(_ action: @escaping (Value) -> Void) -> Changed { Changed() }
    public struct Changed: Gesture { public typealias Value = DragGesture.Value }
}

// MARK: Sharing

public struct SharePreview {
    public init(_ title: String) {}
}

public struct ShareLink: Drawn {
    public init<I: Transferable>(item: I, preview: SharePreview) {}
    public init<C: RandomAccessCollection>(items: C, preview: @escaping (C.Element) -> SharePreview)
    where C.Element: Transferable {}
}
