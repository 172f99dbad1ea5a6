import CoreTransferable
import StyleKit
import SwiftUI
import UIKit
import UniformTypeIdentifiers

/// Every style on every unit that it may run on, timed; the results as a file for `export-pipeline`.
@MainActor
struct BenchmarkScreen: View {
    let session: BenchmarkSession

    var body: some View {
        NavigationStack {
            List {
                if session.isBusy { ProgressView(value: session.progress) }
                ForEach(session.rows, id: \.id) { BenchmarkRow(row: $0) }
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
                        ShareLink(items: records) { SharePreview("\($0.record.name)/benchmark.json") }
                    }
                }
            }
        }
    }

    private var records: [SharedRecord] {
        let system = "\(UIDevice.current.systemName) \(UIDevice.current.systemVersion)"
        return session.records(on: .init(processor: deviceModel(), system: system)).map { SharedRecord(record: $0) }
    }
}

@MainActor
struct BenchmarkRow: View {
    let row: BenchmarkSession.Row

    var body: some View {
        VStack(alignment: .leading) {
            Text(row.attempt.model.file)
            Text("\(row.units): \(row.timing.medianMs, specifier: "%.1f") ms, IQR \(row.timing.iqrMs, specifier: "%.1f") ms")
                .font(.caption)
                .monospacedDigit()
        }
    }
}

/// The record of one bundle for the share sheet.
struct SharedRecord: Transferable {
    let record: BenchmarkRecord

    static var transferRepresentation: some TransferRepresentation {
        DataRepresentation(exportedContentType: .json) { try $0.record.json() }
    }
}

/// The model's name as Apple numbers it, such as `iPhone15,2`.
private func deviceModel() -> String {
    var info = utsname()
    uname(&info)
    return withUnsafeBytes(of: &info.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
