package org.exportpipeline.core

/**
 * Loads bundles: tries one way after the other, and says which one runs and why the others do not.
 *
 * @param sample a photograph for the check of a GPU; see [open].
 */
class Opener(private val factory: EngineFactory, private val device: Device, private val sample: () -> Picture) {

    /** Whether a GPU gave a wrong picture since this was made; worth remembering for the next start. */
    @Volatile
    var gpuFailed: Boolean = device.gpuFailed
        private set

    /**
     * The first way that works.
     *
     * A GPU computes in half precision, in which instance norms can overflow: its picture of the sample is compared
     * with the CPU's, and it is left when it is further off than the manifest allows for the file.
     *
     * A file that the app does not ship is passed over, and that is noted.
     *
     * @throws BundleProblem a file is damaged: no other is used in its place. Or the app ships none of them.
     * @throws EngineProblem no way works.
     */
    fun open(bundle: Bundle, asked: Asked = Asked.AUTO): Stylizer {
        val models = bundle.manifest.models.associateBy { it.target }
        val choice = Chooser.choose(models.keys, device.copy(gpuFailed = gpuFailed), asked)
        // Looked for even when it is not asked for, so that the notes say why a wish was not met.
        val notes = mutableListOf<String>()
        choice.withoutGpu?.takeIf { asked == Asked.GPU }?.let { notes += "CPU: ${it.reason}" }
        checkAnyIsThere(bundle, choice.attempts.map { models.getValue(it.target) })
        for (attempt in choice.attempts) {
            val model = models.getValue(attempt.target)
            if (!bundle.has(model)) {
                notes += "${model.file} is not in the app."
                continue
            }
            try {
                val opened = load(bundle, model, attempt, notes)
                if (attempt.accelerator == Accelerator.CPU || check(bundle, models, choice, opened, notes)) return opened
                opened.close()
            } catch (problem: EngineProblem) {
                notes += "${model.file} on ${attempt.accelerator}: ${problem.message}"
            }
        }
        throw EngineProblem("${bundle.manifest.name} does not run here. ${notes.joinToString(" ")}")
    }

    private fun checkAnyIsThere(bundle: Bundle, models: List<ModelFile>) {
        if (models.none(bundle::has)) {
            val names = models.map { it.file }.distinct().joinToString()
            throw BundleProblem(Fault.MISSING, "${bundle.manifest.name}: missing $names. Copy the bundle into the app again.")
        }
    }

    private fun load(bundle: Bundle, model: ModelFile, attempt: Attempt, notes: List<String>): Stylizer {
        checkSignature(model)
        val engine = factory.open(bundle.read(model), model.signature, attempt)
        try {
            val network = Network(model.signature, engine)
            return Stylizer(Running(attempt, model.file, notes.toList()), model.signature, network)
        } catch (error: Exception) {
            engine.close()
            throw error
        }
    }

    private fun checkSignature(model: ModelFile) {
        val pictures = model.signature.inputs.filter { it.isPicture }
        val others = model.signature.inputs - pictures.toSet()
        val usable = pictures.size == 1 && others.all { it.isNumbers } && model.signature.outputs.any { it.isPicture }
        if (!usable) {
            throw BundleProblem(
                Fault.UNSUPPORTED,
                "${model.file} takes ${model.signature.inputs.joinToString()} and gives " +
                    "${model.signature.outputs.joinToString()}; this app needs one RGB picture in and one out.",
            )
        }
    }

    /** Whether the GPU's picture of the sample is the CPU's; adds a note where it is not. */
    private fun check(
        bundle: Bundle, models: Map<String, ModelFile>, choice: Choice, opened: Stylizer, notes: MutableList<String>,
    ): Boolean {
        val attempt = choice.attempts.first { it.accelerator == Accelerator.CPU && it.target == opened.running.attempt.target }
        val least = bundle.manifest.minPsnr.getValue(attempt.target)
        val fitted = Resize.fit(sample(), opened.width, opened.height)
        val numbers = opened.otherInputs.mapValues { FloatArray(it.value) { 1f } }
        val expected = load(bundle, models.getValue(attempt.target), attempt, notes).use { it.run(fitted, numbers) }
        val reason = try {
            val found = psnr(opened.run(fitted, numbers), expected)
            if (found >= least) return true else "%.1f dB, at least %.1f is needed".format(java.util.Locale.ROOT, found, least)
        } catch (problem: EngineProblem) {
            problem.message
        }
        gpuFailed = true
        notes += "GPU: its picture is not the CPU's ($reason)."
        return false
    }
}
