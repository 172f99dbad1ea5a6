package org.exportpipeline.demo

import android.app.Application
import android.content.ComponentCallbacks2
import android.content.Context
import android.os.Build
import android.os.Handler
import android.os.Looper
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import org.exportpipeline.core.Device
import org.exportpipeline.core.EngineFactory
import org.exportpipeline.core.Opener
import org.exportpipeline.core.Picture

/** Holds what lives as long as the process. */
open class DemoApplication : Application() {
    /** The one thread on which models are loaded, run and freed. */
    open val background: Executor by lazy { Executors.newSingleThreadExecutor { Thread(it, "models") } }

    /** The main thread. */
    open val foreground: Executor by lazy {
        val handler = Handler(Looper.getMainLooper())
        Executor { handler.post(it) }
    }

    /** What loads models. */
    open val engines: EngineFactory by lazy { LiteRtFactory() }

    /** Loads bundles, and remembers a GPU that paints wrongly until the system is updated. */
    val opener: Opener by lazy {
        val failed = memory.getString(GPU_FAILED, null) == Build.FINGERPRINT
        Opener({ model, signature, attempt ->
            engines.open(model, signature, attempt).also { remember() }
        }, Device(Gpu.isSupported(), failed, Runtime.getRuntime().availableProcessors()), ::sample)
    }

    /** What can be chosen. */
    open val styles: List<Style> by lazy { Style.all(assets) }

    open val studio: Studio by lazy { Studio(styles, opener, Photos(contentResolver, filesDir), background, foreground) }

    private val memory get() = getSharedPreferences("device", Context.MODE_PRIVATE)

    private fun remember() {
        if (opener.gpuFailed) memory.edit().putString(GPU_FAILED, Build.FINGERPRINT).apply()
    }

    /** For the check of a GPU: every colour, smooth and steep. */
    private fun sample() = Picture(SAMPLE, SAMPLE, IntArray(SAMPLE * SAMPLE) {
        val x = it % SAMPLE
        val y = it / SAMPLE
        org.exportpipeline.core.rgb(x, y, (x xor y) and 0xFF)
    })

    /** Frees the model when the app is no longer seen, or memory is short. */
    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        @Suppress("DEPRECATION") // from API 34 on, only this one and the next are sent
        if (level >= ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN || level == ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL) {
            studio.trim()
        }
    }

    override fun onLowMemory() {
        super.onLowMemory()
        studio.trim()
    }

    private companion object {
        const val GPU_FAILED = "gpu_failed"
        const val SAMPLE = 256
    }
}
