package org.exportpipeline.core

import com.sun.jna.Function
import com.sun.jna.Library
import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference
import java.io.File
import java.nio.ByteBuffer

/** LiteRT's own C library, as it lies in the Python package `ai-edge-litert`: the runtime that phones have, on Linux. */
object LiteRt {
    /** Where the library is; null where there is none, and [missing] says why. */
    val library: File? = System.getProperty("litert.library").orEmpty().takeIf { it.isNotEmpty() }?.let(::File)?.takeIf { it.isFile }

    const val MISSING = "no libLiteRt.so: -Dlitert.library names none. `make test-android` finds the Python environment's."

    /** Loads models with LiteRT, or fails as an app's engine must. */
    val factory = EngineFactory { model, signature, attempt ->
        if (attempt.accelerator == Accelerator.GPU) throw EngineProblem("LiteRT's C library runs on the CPU here.")
        LiteRtEngine(checkNotNull(library) { MISSING }, model, signature)
    }
}

/** Runs a model by LiteRT's C functions. */
class LiteRtEngine(library: File, model: ByteBuffer, signature: Signature) : Engine {
    override val runtime = "LiteRT"
    override val version = "C API"

    private val native = NativeLibrary.getInstance(library.path, mapOf(Library.OPTION_CLASSLOADER to javaClass.classLoader))
    private val environment: Pointer
    private val closers = ArrayDeque<() -> Unit>()
    private val compiled: Pointer
    private val inputs: List<TensorBuffer>
    private val outputs: List<TensorBuffer>

    // LiteRT reads the weights from here for as long as it runs.
    private val bytes: Memory = Memory(model.remaining().toLong()).also { it.getByteBuffer(0, it.size()).put(model.duplicate()) }

    init {
        try {
            environment = create("Environment", 0, null)
            val loaded = create("ModelFromBuffer", environment, bytes, bytes.size(), destroy = "Model")
            val options = create("Options")
            call("LiteRtSetOptionsHardwareAccelerators", options, ON_CPU)
            compiled = create("CompiledModel", environment, loaded, options)
            inputs = signature.inputs.map(::TensorBuffer)
            outputs = signature.outputs.map(::TensorBuffer)
        } catch (error: EngineProblem) {
            close()
            throw error
        }
    }

    override fun run(inputs: List<ByteBuffer>, outputs: List<ByteBuffer>) {
        this.inputs.zip(inputs) { tensor, buffer -> tensor.write(buffer) }
        call(
            "LiteRtRunCompiledModel", compiled, 0L, inputs.size.toLong(), handles(this.inputs), outputs.size.toLong(),
            handles(this.outputs),
        )
        this.outputs.zip(outputs) { tensor, buffer -> tensor.read(buffer) }
    }

    override fun close() {
        while (closers.isNotEmpty()) closers.removeLast()()
    }

    private fun handles(tensors: List<TensorBuffer>) = tensors.map { it.handle }.toTypedArray()

    private fun create(what: String, vararg arguments: Any?, destroy: String = what): Pointer {
        val created = PointerByReference()
        call("LiteRtCreate$what", *arguments, created)
        closers.addLast { native.getFunction("LiteRtDestroy$destroy").invoke(arrayOf(created.value)) }
        return created.value
    }

    private fun call(name: String, vararg arguments: Any?) {
        val status = function(name).invokeInt(arguments)
        if (status != 0) throw EngineProblem("$name failed with status $status: the model does not fit, or is damaged.")
    }

    private fun function(name: String): Function = native.getFunction(name)

    /** Memory that LiteRT owns for one port; the port's bytes are copied in and out. */
    private inner class TensorBuffer(private val port: Port) {
        val handle: Pointer

        init {
            // LiteRtRankedTensorType: element type, rank in seven bits, eight dimensions, eight strides.
            val type = Memory(RANKED_TYPE_BYTES).apply {
                clear()
                setInt(0, TYPES.getValue(port.dtype))
                setInt(4, port.shape.size)
                port.shape.forEachIndexed { axis, length -> setInt(8L + 4 * axis, checkNotNull(length)) }
            }
            handle = create("ManagedTensorBuffer", environment, HOST_MEMORY, type, port.bytes.toLong(), destroy = "TensorBuffer")
        }

        fun write(from: ByteBuffer) = locked(WRITE) { it.put(from.duplicate()) }

        fun read(to: ByteBuffer) = locked(READ) { to.duplicate().put(it) }

        private fun locked(mode: Int, use: (ByteBuffer) -> Unit) {
            val address = PointerByReference()
            call("LiteRtLockTensorBuffer", handle, address, mode)
            try {
                use(address.value.getByteBuffer(0, port.bytes.toLong()))
            } finally {
                call("LiteRtUnlockTensorBuffer", handle)
            }
        }
    }

    private companion object {
        const val ON_CPU = 1
        const val HOST_MEMORY = 1
        const val READ = 0
        const val WRITE = 1
        const val RANKED_TYPE_BYTES = 72L
        val TYPES = mapOf("float32" to 1, "uint8" to 3, "int8" to 9)
    }
}
