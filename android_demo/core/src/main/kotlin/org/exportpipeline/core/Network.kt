package org.exportpipeline.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * A loaded model with its own buffers: pictures and numbers in, pictures and numbers out, by name.
 *
 * It keeps its memory from run to run, so that a run allocates no tensors. It is used by one thread at a time.
 */
class Network(private val signature: Signature, private val engine: Engine) : AutoCloseable {
    private val inputs = signature.inputs.map(::Slot)
    private val outputs = signature.outputs.map(::Slot)

    /** Name and version of the runtime. */
    val runtime: String get() = engine.runtime
    val version: String get() = engine.version

    /**
     * Runs the model once.
     *
     * @param pictures for every input that is a picture, in its size.
     * @param numbers for every other input.
     * @param into a picture to fill, where one comes out and it fits.
     * @throws EngineProblem the model cannot be run, or gives values that are not finite.
     */
    fun run(pictures: Map<String, Picture>, numbers: Map<String, FloatArray>, into: Picture? = null): Outputs {
        for (slot in inputs) {
            val name = slot.port.name
            if (slot.codec != null) {
                slot.codec.write(requireNotNull(pictures[name]) { "no picture for input $name" }, slot.buffer)
            } else {
                slot.put(requireNotNull(numbers[name]) { "no numbers for input $name" })
            }
        }
        outputs.forEach { it.buffer.rewind() }
        engine.run(inputs.map { it.buffer }, outputs.map { it.buffer })
        val (drawn, counted) = outputs.partition { it.codec != null }
        return Outputs(
            drawn.associate { it.port.name to checkNotNull(it.codec).read(it.buffer, into) },
            counted.associate { it.port.name to it.get() },
        )
    }

    override fun close() = engine.close()

    /** What came out, by name. */
    class Outputs(val pictures: Map<String, Picture>, val numbers: Map<String, FloatArray>)

    private class Slot(val port: Port) {
        val codec: PortCodec? = if (port.isPicture) PortCodec(port) else null
        val buffer: ByteBuffer

        init {
            if (codec == null && !port.isNumbers) {
                throw BundleProblem(Fault.UNSUPPORTED, "$port is neither a picture nor numbers that this app passes on.")
            }
            buffer = ByteBuffer.allocateDirect(port.bytes).order(ByteOrder.nativeOrder())
        }

        fun put(values: FloatArray) {
            require(values.size == port.count) { "${port.name} takes ${port.count} numbers, not ${values.size}" }
            buffer.rewind()
            buffer.asFloatBuffer().put(values)
        }

        fun get(): FloatArray {
            buffer.rewind()
            return FloatArray(port.count).also { buffer.asFloatBuffer().get(it) }
        }
    }
}
