import StyleKit
import SwiftUI
import UIKit

/// Every style on every unit that it may run on, timed; the results as a file for `export-pipeline`.
struct BenchmarkScreen: View {
    let session: BenchmarkSession

    var body: some View {
        NavigationStack {
            List {
                if session.isBusy { ProgressView(value: session.progress) }
                ForEach(session.rows.indices, id: \.self) { BenchmarkRow(row: session.rows[$0]) }
                ForEach(session.problems, id: \.self) { MessageBar(message: $0) }
            }
            .navigationTitle("Speed")
            .toolbar {
                ToolbarItem(placement: .topBarLeading) {
                    Button(session.isBusy ? "Stop" : "Measure") {
                        if session.isBusy { session.cancel() } else { session.start() }
                    }
                }
                ToolbarItem(placement: .topBarTrailing) {
                    if !session.isBusy && !session.rows.isEmpty {
                        ShareLink(item: SharedResults(json: json), preview: SharePreview("results.json"))
                    }
                }
            }
        }
    }

    private var json: Data {
        let system = "\(UIDevice.current.systemName) \(UIDevice.current.systemVersion)"
        return (try? session.results(device: deviceModel(), system: system)) ?? Data()
    }
}

struct BenchmarkRow: View {
    let row: DeviceResults.Row

    var body: some View {
        VStack(alignment: .leading) {
            Text(row.file)
            Text("\(row.accelerator): \(row.timing.medianMs, specifier: "%.1f") ms, IQR \(row.timing.iqrMs, specifier: "%.1f") ms")
                .font(.caption)
                .monospacedDigit()
        }
    }
}

/// The results for the share sheet.
struct SharedResults: Transferable {
    let json: Data

    static var transferRepresentation: some TransferRepresentation {
        DataRepresentation(exportedContentType: .json) { $0.json }
    }
}

/// The model's name as Apple numbers it, such as `iPhone15,2`.
private func deviceModel() -> String {
    var info = utsname()
    uname(&info)
    return withUnsafeBytes(of: &info.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
