package org.exportpipeline.core

import java.nio.ByteBuffer

/** What runs a model: LiteRT on the phone, LiteRT's C library in tests. It is used by one thread at a time. */
interface Engine : AutoCloseable {
    /** The runtime's name, for records. */
    val runtime: String

    /** The runtime's version, for records. */
    val version: String

    /**
     * Runs the model once; the buffers are in the order of the signature, and stand at their beginning.
     *
     * @throws EngineProblem the model cannot be run.
     */
    fun run(inputs: List<ByteBuffer>, outputs: List<ByteBuffer>)
}

/** Makes an [Engine] of a model's bytes. */
fun interface EngineFactory {
    /**
     * Loads [model] for [attempt]; its tensors must be those of [signature].
     *
     * @throws EngineProblem the file does not load, does not fit the signature, or the accelerator refuses it.
     */
    fun open(model: ByteBuffer, signature: Signature, attempt: Attempt): Engine
}
