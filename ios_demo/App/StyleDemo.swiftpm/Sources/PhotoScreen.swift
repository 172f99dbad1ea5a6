import CoreTransferable
import Photos
import PhotosUI
import StyleKit
import SwiftUI
import UniformTypeIdentifiers

/// A photograph, its stylized picture, and a slider between the two.
@MainActor
struct PhotoScreen: View {
    @Bindable var session: PhotoSession
    @State private var item: PhotosPickerItem?
    @State private var isSaved = false
    @AppStorage("style") private var style = ""

    var body: some View {
        NavigationStack {
            VStack {
                picture
                if let message = session.message { MessageBar(message: message) }
                if let status = session.status { StatusLine(status: status) }
                StylePicker(styles: session.styles, selected: session.selected) { index in
                    session.select(index)
                    style = session.styles[index].name
                }
                Toggle("Whole photograph, in tiles", isOn: $session.isWhole)
                    .padding(.horizontal)
                    .onChange(of: session.isWhole) { _, _ in session.stylize() }
            }
            .navigationTitle("Photo")
            .toolbar { tools }
        }
        .onChange(of: item) { _, item in open(item) }
        .onChange(of: session.result) { _, _ in isSaved = false }
        .onAppear { session.select(named: style) }
    }

    @ViewBuilder private var picture: some View {
        if let original = session.original, let result = session.result {
            CompareSlider(before: original, after: result)
        } else if session.isBusy {
            VStack {
                ProgressView(value: session.progress)
                Button("Stop") { session.cancel() }
            }
            .padding()
            .frame(maxHeight: .infinity)
        } else {
            ContentUnavailableView("Choose a photograph", systemImage: "photo.on.rectangle")
        }
    }

    @ToolbarContentBuilder private var tools: some ToolbarContent {
        ToolbarItem(placement: .topBarLeading) {
            PhotosPicker("Choose", selection: $item, matching: .images)
        }
        ToolbarItem(placement: .topBarTrailing) {
            if let result = session.result {
                ShareLink(item: SharedPicture(picture: result), preview: SharePreview("Stylized picture"))
            }
        }
        ToolbarItem(placement: .topBarTrailing) {
            Button(isSaved ? "Saved" : "Save") { save() }
                .disabled(session.result == nil || isSaved)
        }
    }

    private func open(_ item: PhotosPickerItem?) {
        guard let item else { return }
        session.open {
            guard let data = try await item.loadTransferable(type: Data.self) else {
                throw StyleError.pictureUnusable(why: "the photo library does not give it out")
            }
            return try Picture(imageFile: data)
        }
    }

    private func save() {
        guard let result = session.result else { return }
        Task {
            do {
                try await PhotoLibrary.add(result)
                isSaved = true
            } catch {
                session.show(error)
            }
        }
    }
}

/// What ran, on which units, and what failed before.
@MainActor
struct StatusLine<Image: Sendable>: View {
    let status: Stylizer<Image>.Status

    var body: some View {
        VStack(alignment: .leading) {
            Text(status.reason)
            ForEach(status.fallbacks, id: \.self) { Text($0) }
        }
        .font(.caption)
        .foregroundStyle(.secondary)
        .padding(.horizontal)
    }
}

/// A picture for the share sheet, written as a file only when it is asked for.
struct SharedPicture: Transferable {
    let picture: Picture

    static var transferRepresentation: some TransferRepresentation {
        DataRepresentation(exportedContentType: .png) { try $0.picture.file() }
    }
}

/// The photo library, to which pictures are only added.
enum PhotoLibrary {
    /// - Throws: `StyleError.notSaved`, which says why.
    static func add(_ picture: Picture) async throws {
        let status = await PHPhotoLibrary.requestAuthorization(for: .addOnly)
        guard status == .authorized || status == .limited else {
            throw StyleError.notSaved(why: "Settings do not let this app add photographs")
        }
        let file = try picture.file()
        do {
            try await PHPhotoLibrary.shared().performChanges {
                PHAssetCreationRequest.forAsset().addResource(with: .photo, data: file, options: nil)
            }
        } catch {
            throw StyleError.notSaved(why: error.localizedDescription)
        }
    }
}
