package org.exportpipeline.core

import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Where the files of a bundle lie: a folder, or the assets of an app. */
fun interface BundleFiles {
    /** The file at [path], relative to the bundle; null where there is none. The caller closes it. */
    fun open(path: String): InputStream?
}

/** The files in a [folder]. */
class FolderFiles(private val folder: File) : BundleFiles {
    override fun open(path: String): InputStream? = File(folder, path).takeIf { it.isFile }?.inputStream()
}

/** A bundle whose manifest has been checked; a model file is checked each time that it is read. */
class Bundle private constructor(val manifest: Manifest, private val files: BundleFiles) {

    /**
     * The bytes of a model that is one file, in memory that native code can use.
     *
     * What is hashed is what is returned: nothing can change in between. It is read as a stream, so that it does not
     * matter whether the asset lies compressed in the app.
     *
     * @throws BundleProblem the file is missing, or is not the one that was built.
     */
    fun read(model: ModelFile): ByteBuffer {
        if (model.files.keys != setOf(model.file)) {
            throw BundleProblem(Fault.UNSUPPORTED, "${model.file} is a folder; ${model.target} does not run on Android.")
        }
        return checked(model.file)
    }

    /** Whether the file of [model] lies here at all: an app may ship some of a bundle's files. */
    fun has(model: ModelFile): Boolean = try {
        model.files.keys.all { path -> files.open(path)?.use { true } ?: false }
    } catch (_: IOException) {
        false
    }

    /**
     * Compares every file of [model] with the manifest.
     *
     * @throws BundleProblem a file is missing or changed.
     */
    fun check(model: ModelFile) = model.files.keys.forEach { checked(it) }

    private fun checked(path: String): ByteBuffer {
        val listed = manifest.files.getValue(path)
        val content = content(path, listed.bytes)
        if (content.remaining().toLong() != listed.bytes || sha256(content) != listed.sha256) {
            throw BundleProblem(Fault.CHANGED, "$path of ${manifest.name} is not the file that was built. $AGAIN")
        }
        return content
    }

    private fun content(path: String, expected: Long): ByteBuffer {
        val bytes = try {
            // One byte more than listed is enough to see that a file has grown.
            files.open(path)?.use { it.readAtMost(expected + 1) }
        } catch (error: IOException) {
            throw BundleProblem(Fault.MISSING, "$path of ${manifest.name} cannot be read: ${error.message}. $AGAIN")
        } ?: throw BundleProblem(Fault.MISSING, "$path of ${manifest.name} is missing. $AGAIN")
        return ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.nativeOrder()).put(bytes).flip() as ByteBuffer
    }

    companion object {
        private const val AGAIN = "Copy the bundle into the app again."
        private const val MOST_MANIFEST_BYTES = 16L shl 20

        /**
         * Reads the manifest of a bundle; its other files are not looked at yet.
         *
         * @throws BundleProblem there is none, or it cannot be used.
         */
        fun open(files: BundleFiles): Bundle {
            val bytes = try {
                files.open(Manifest.FILE)?.use { it.readAtMost(MOST_MANIFEST_BYTES) }
            } catch (error: IOException) {
                throw BundleProblem(Fault.MISSING, "${Manifest.FILE} cannot be read: ${error.message}. $AGAIN")
            } ?: throw BundleProblem(Fault.MISSING, "${Manifest.FILE} is missing. $AGAIN")
            return Bundle(Manifest.parse(bytes), files)
        }
    }
}

private const val CHUNK = 1 shl 16

/** Up to [most] bytes. `readNBytes` came to Android with API 33. */
private fun InputStream.readAtMost(most: Long): ByteArray {
    val out = java.io.ByteArrayOutputStream()
    val chunk = ByteArray(CHUNK)
    while (out.size() < most) {
        val count = read(chunk, 0, minOf(chunk.size.toLong(), most - out.size()).toInt())
        if (count < 0) break
        out.write(chunk, 0, count)
    }
    return out.toByteArray()
}
