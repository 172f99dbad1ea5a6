package org.exportpipeline.core

import java.io.File

/** [photo] in the style of the bundle in [folder]; call it on a background thread. */
fun stylized(photo: Picture, folder: File, engines: EngineFactory): Picture {
    // Throws BundleProblem with a message for the screen: damaged, missing, or of another version.
    val bundle = Bundle.open(FolderFiles(folder))
    val device = Device(gpu = false, gpuFailed = false, cores = Runtime.getRuntime().availableProcessors())
    // The sample is for the check of a GPU: its picture must be the CPU's.
    val opener = Opener(engines, device, sample = { photo })
    // Checks the file's SHA-256 and loads it; where that fails, the next way is tried.
    opener.open(bundle).use { stylizer ->
        println("${stylizer.running.file} on ${stylizer.running.attempt.accelerator}")
        stylizer.running.notes.forEach(::println)
        return stylizer.stylize(photo, Framing.LETTERBOX)
    }
}
