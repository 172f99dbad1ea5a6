package org.exportpipeline.demo

import android.app.Activity
import android.os.Build
import android.os.Bundle
import android.widget.Button
import android.widget.TextView
import java.io.IOException

/** Times every file of the chosen style, and shares the record. */
class BenchmarkActivity : Activity() {
    private val application get() = getApplication() as DemoApplication
    private val rows by lazy { view<TextView>(R.id.rows) }
    private val progress by lazy { view<TextView>(R.id.progress) }
    private val measure by lazy { view<Button>(R.id.measure) }
    private val share by lazy { view<Button>(R.id.share) }
    private var measurement: Measurement? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.benchmark)
        measure.setOnClickListener { if (measurement == null) start() else stop() }
        share.setOnClickListener { share() }
    }

    private fun start() {
        val style = application.studio.screen.style ?: return
        rows.text = ""
        share.isEnabled = false
        measure.setText(R.string.stop)
        val started = Measurement(style, application.engines, Gpu.isSupported(), Runtime.getRuntime().availableProcessors()) { step ->
            application.foreground.execute { show(step) }
        }
        measurement = started
        application.studio.alone {
            val record = started.run(phone())
            application.foreground.execute { finished(started, record) }
        }
    }

    private fun phone() = Phone(
        processor = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) "${Build.SOC_MANUFACTURER} ${Build.SOC_MODEL}" else Build.HARDWARE,
        system = "Android ${Build.VERSION.RELEASE} (API ${Build.VERSION.SDK_INT}), ${Build.MANUFACTURER} ${Build.MODEL}",
    )

    private fun show(step: Step) = when (step) {
        is Step.Run -> progress.text = getString(R.string.measuring, step.file, step.run + 1, step.runs)
        is Step.Timed -> rows.append(
            step.timed.run {
                getString(
                    R.string.timed, file, step.accelerator, threads,
                    "%.2f".format(latency.medianMs), "%.2f".format(latency.iqrMs), "%.1f".format(latency.fps),
                )
            },
        )
        is Step.Skipped -> rows.append(getString(R.string.skipped, step.file, step.reason))
    }

    private fun finished(finished: Measurement, record: String?) {
        if (measurement !== finished) return
        measurement = null
        progress.text = ""
        measure.setText(R.string.measure)
        if (record == null) return
        val file = SharedFiles.create(this, RECORD)
        try {
            file.writeText(record)
            share.isEnabled = true
        } catch (error: IOException) {
            progress.text = getString(R.string.not_saved, error.message)
        }
    }

    private fun share() = MainActivity.send(this, SharedFiles.create(this, RECORD), "application/json")

    private fun stop() {
        measurement?.stop()
    }

    override fun onDestroy() {
        stop()
        super.onDestroy()
    }

    private companion object {
        const val RECORD = "benchmark.json"
    }
}
