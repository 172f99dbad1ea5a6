package org.exportpipeline.demo

import java.nio.ByteBuffer
import org.exportpipeline.core.Accelerator
import org.exportpipeline.core.Attempt
import org.exportpipeline.core.Engine
import org.exportpipeline.core.EngineFactory
import org.exportpipeline.core.EngineProblem
import org.exportpipeline.core.Port
import org.exportpipeline.core.Signature
import org.tensorflow.lite.Delegate
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor
import org.tensorflow.lite.TensorFlowLite

/** Loads models with LiteRT. */
class LiteRtFactory : EngineFactory {
    override fun open(model: ByteBuffer, signature: Signature, attempt: Attempt): Engine {
        val opened = ArrayDeque<AutoCloseable>()
        try {
            val options = Interpreter.Options().setNumThreads(attempt.threads)
            if (attempt.accelerator == Accelerator.GPU) {
                options.addDelegate(Gpu.delegate().also { opened.addLast(it) })
            }
            val interpreter = Interpreter(model, options).also { opened.addLast(it) }
            check(signature.inputs, interpreter.inputTensorCount, interpreter::getInputTensor)
            check(signature.outputs, interpreter.outputTensorCount, interpreter::getOutputTensor)
            return LiteRtEngine(interpreter, opened)
        } catch (error: Throwable) {
            opened.closeAll()
            throw problem(error)
        }
    }

    private fun check(ports: List<Port>, count: Int, tensor: (Int) -> Tensor) {
        if (ports.size != count) throw EngineProblem("The model has $count tensors where the manifest says ${ports.size}.")
        ports.forEachIndexed { index, port ->
            val found = tensor(index)
            if (found.shape().toList() != port.shape || found.dataType().name.lowercase() != port.dtype) {
                throw EngineProblem("The model has ${found.dataType()} ${found.shape().toList()} where the manifest says $port.")
            }
        }
    }
}

private class LiteRtEngine(private val interpreter: Interpreter, private val opened: ArrayDeque<AutoCloseable>) : Engine {
    override val runtime = "LiteRT"
    override val version: String = TensorFlowLite.runtimeVersion()

    override fun run(inputs: List<ByteBuffer>, outputs: List<ByteBuffer>) {
        try {
            interpreter.runForMultipleInputsOutputs(inputs.toTypedArray(), outputs.withIndex().associate { it.index to it.value })
        } catch (error: RuntimeException) {
            throw problem(error)
        }
    }

    // The interpreter first: it uses the delegate to its end.
    override fun close() = opened.closeAll()
}

private fun ArrayDeque<AutoCloseable>.closeAll() {
    while (isNotEmpty()) removeLast().close()
}

/** What LiteRT throws, as what the screen shows; errors of ours and of the virtual machine stay what they are. */
private fun problem(error: Throwable): Throwable = when (error) {
    is EngineProblem, is VirtualMachineError -> error
    is LinkageError -> EngineProblem("LiteRT is not in this app for this kind of processor.", error)
    else -> EngineProblem("LiteRT: ${error.message?.trim()?.lineSequence()?.lastOrNull() ?: error}", error)
}

/**
 * LiteRT's GPU delegate, which an app may leave out: it is found by name, and `proguard-rules.pro` keeps the names.
 */
object Gpu {
    private const val LIST = "org.tensorflow.lite.gpu.CompatibilityList"
    private const val DELEGATE = "org.tensorflow.lite.gpu.GpuDelegate"

    /** Whether the delegate is in the app and this phone's GPU is one of those that it supports. */
    fun isSupported(): Boolean = try {
        val list = Class.forName(LIST).getDeclaredConstructor().newInstance()
        (list as AutoCloseable).use { it.javaClass.getMethod("isDelegateSupportedOnThisDevice").invoke(it) as Boolean }
    } catch (_: ReflectiveOperationException) {
        false
    } catch (_: LinkageError) {
        false
    }

    /** @throws EngineProblem it cannot be made. */
    internal fun delegate(): Delegate = try {
        Class.forName(DELEGATE).getDeclaredConstructor().newInstance() as Delegate
    } catch (error: ReflectiveOperationException) {
        throw EngineProblem("The GPU delegate cannot be made: ${(error.cause ?: error).message}.", error)
    } catch (error: LinkageError) {
        throw EngineProblem("The GPU delegate is not in this app for this kind of processor.", error)
    }
}
