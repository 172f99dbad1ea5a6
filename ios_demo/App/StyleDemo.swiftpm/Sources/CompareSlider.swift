import StyleKit
import SwiftUI

/// The photograph on the left of a line that a finger moves, the stylized picture on its right.
@MainActor
struct CompareSlider: View {
    let before: Picture
    let after: Picture
    @State private var share = 0.5

    var body: some View {
        GeometryReader { space in
            ZStack(alignment: .leading) {
                PictureView(picture: after)
                // The same part of the photograph as the model saw: cut as the library cuts it.
                PictureView(picture: before.size == after.size ? before : before.fitted(to: after.size))
                    .mask(alignment: .leading) { Rectangle().frame(width: space.size.width * share) }
                Rectangle()
                    .fill(.white)
                    .frame(width: 2)
                    .offset(x: space.size.width * share)
            }
            .contentShape(Rectangle())
            .gesture(
                DragGesture(minimumDistance: 0).onChanged { touch in
                    share = min(max(touch.location.x / max(space.size.width, 1), 0), 1)
                })
        }
        .aspectRatio(CGFloat(after.width) / CGFloat(after.height), contentMode: .fit)
        .accessibilityLabel("Before and after")
        .accessibilityValue("\(Int(share * 100)) percent before")
        .accessibilityAdjustableAction { direction in
            share = min(max(share + (direction == .increment ? 0.1 : -0.1), 0), 1)
        }
    }
}

/// A picture at the size that there is. Its image is made once, not at every move of the slider.
@MainActor
struct PictureView: View {
    let picture: Picture
    @State private var image: CGImage?

    var body: some View {
        Group {
            if let image {
                Image(decorative: image, scale: 1).resizable()
            } else {
                Color.clear
            }
        }
        .task(id: picture) { image = try? picture.image() }
    }
}
