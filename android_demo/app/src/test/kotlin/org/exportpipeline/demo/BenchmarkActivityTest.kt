package org.exportpipeline.demo

import android.content.Intent
import android.view.View
import org.exportpipeline.core.Attempt
import org.exportpipeline.core.EngineFactory
import org.exportpipeline.core.EngineProblem
import org.exportpipeline.core.FakeEngine
import org.exportpipeline.core.Json
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(application = FakeApplication::class, sdk = [35])
class BenchmarkActivityTest {
    private val app get() = FakeApplication.current
    private val opened = mutableListOf<Pair<Attempt, FakeEngine>>()

    private fun engines(broken: String) = EngineFactory { _, _, attempt ->
        if (attempt.target == broken) throw EngineProblem("No kernel for it.")
        FakeEngine { _, _ -> }.also { opened += attempt to it }
    }

    private fun start() = Robolectric.buildActivity(BenchmarkActivity::class.java).setup()

    @Suppress("DEPRECATION") // the typed way came with API 33
    @Test
    fun `every file is timed alone, what does not run is SKIPPED, and the record can be shared`() {
        app.engines = engines(broken = "tflite-int8")
        val activity = start().get()
        assertFalse(activity.view<View>(R.id.share).isEnabled)
        activity.view<View>(R.id.measure).performClick()
        app.settle()
        val text = activity.text(R.id.rows)
        assertTrue(text, "SKIPPED: No kernel for it." in text)
        assertTrue(opened.all { (_, engine) -> engine.runs == 33 && engine.closed == 1 })
        assertEquals(setOf("tflite-fp16", "tflite-dynamic"), opened.map { it.first.target }.toSet())
        activity.view<View>(R.id.share).performClick()
        val intent = checkNotNull(shadowOf(activity).nextStartedActivity.getParcelableExtra<Intent>(Intent.EXTRA_INTENT))
        assertEquals("application/json", intent.type)
        val record = Json.parse(java.io.File(app.cacheDir, "shared/benchmark.json").readText())
        assertEquals("starry_night_small", record["name"].text())
        assertEquals(opened.size, record["latency"].items().size)
        assertTrue(record["latency"].items().all { it["runs"].whole() == 30 && it["width"].whole() == 480 })
        assertEquals(setOf("starry_night_small-int8.tflite, CPU"), record["skipped"].entries().keys)
    }

    @Test
    fun `leaving the screen ends the measurement`() {
        var runs = 0
        val controller = start()
        app.engines = EngineFactory { _, _, _ ->
            FakeEngine { _, _ -> if (++runs == 5) controller.pause().stop().destroy() }
        }
        controller.get().view<View>(R.id.measure).performClick()
        app.settle()
        assertEquals(5, runs)
        assertFalse(java.io.File(app.cacheDir, "shared/benchmark.json").exists())
    }
}
