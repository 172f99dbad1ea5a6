package org.exportpipeline.core

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.security.MessageDigest

/** What can be wrong with a bundle. */
enum class Fault { UNREADABLE, VERSION, DIGEST, MALFORMED, UNSAFE_PATH, MISSING, CHANGED, UNSUPPORTED }

/** A bundle, or a file of it, cannot be used; the message is for the screen. */
class BundleProblem(val fault: Fault, message: String) : Exception(message)

/** Size in bytes and SHA-256 of one file. */
data class FileHash(val bytes: Long, val sha256: String)

/**
 * One model file of a bundle.
 *
 * @property target format and precision, such as `tflite-fp16`.
 * @property files the path and SHA-256 of each file that it consists of.
 */
data class ModelFile(
    val target: String,
    val file: String,
    val signature: Signature,
    val files: Map<String, String>,
    val notes: List<String>,
)

/**
 * What a bundle is: `manifest.json`, as `export-pipeline build` seals it.
 *
 * @property minPsnr dB by target: how near each file is to the float network.
 */
class Manifest private constructor(
    val name: String,
    val models: List<ModelFile>,
    val files: Map<String, FileHash>,
    val minPsnr: Map<String, Double>,
) {
    companion object {
        const val FILE = "manifest.json"
        private const val FORMAT = 1L
        private val DIGEST = Regex("\n \"digest\": \"([0-9a-f]{64})\"")

        /**
         * Reads a manifest and checks that it is as it was written.
         *
         * @throws BundleProblem it is damaged, of another version, or says what cannot be.
         */
        fun parse(bytes: ByteArray): Manifest {
            val text = decoded(bytes)
            val document = try {
                Json.parse(text).also { it.entries() }
            } catch (problem: JsonProblem) {
                throw BundleProblem(Fault.UNREADABLE, "$FILE cannot be read: ${problem.message}. Copy the bundle again.")
            }
            checkVersion(document)
            checkDigest(text)
            return try {
                read(document)
            } catch (problem: JsonProblem) {
                throw malformed(problem.message)
            }
        }

        private fun decoded(bytes: ByteArray): String = try {
            Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString()
        } catch (_: CharacterCodingException) {
            throw BundleProblem(Fault.UNREADABLE, "$FILE is not UTF-8 text. Copy the bundle again.")
        }

        private fun checkVersion(document: Json) {
            val format = document.find("format")?.value
            if (format != FORMAT) {
                throw BundleProblem(
                    Fault.VERSION,
                    "This app reads bundles of format $FORMAT; this one has ${format ?: "none"}. Update the app, or " +
                        "build the bundle with the version of export-pipeline that the app was made with.",
                )
            }
        }

        /** The digest is that of the text with an empty digest; keys of the outermost object are indented by one. */
        private fun checkDigest(text: String) {
            val found = DIGEST.find(text)
            val blank = found?.let { text.replaceRange(it.range, "\n \"digest\": \"\"") }
            if (blank == null || sha256(blank.toByteArray()) != found.groupValues[1]) {
                throw BundleProblem(
                    Fault.DIGEST, "$FILE is not as it was written: its digest does not fit. Copy the bundle again.",
                )
            }
        }

        private fun read(document: Json): Manifest {
            val files = document["files"].entries().mapValues { (path, entry) ->
                checkPath(path)
                FileHash(entry["bytes"].long(), entry["sha256"].text())
            }
            val models = document["models"].items().map { model(it, files) }
            val least = document["min_psnr"].entries().mapValues { it.value.number() }
            return Manifest(document["name"].text(), models, files, least)
        }

        private fun model(entry: Json, files: Map<String, FileHash>): ModelFile {
            val file = entry["file"].text()
            checkPath(file)
            val hashes = entry["sha256"].entries().mapValues { it.value.text() }
            if (hashes.isEmpty()) throw malformed("$file consists of no files")
            for ((path, hash) in hashes) {
                if (path != file && !path.startsWith("$file/")) throw malformed("$path is no part of $file")
                if (files[path]?.sha256 != hash) throw malformed("$path is not listed, or with another hash")
            }
            val target = entry["target"].text()
            val notes = entry.find("notes")?.items().orEmpty().map { it.text() }
            return ModelFile(target, file, Signature.read(entry["signature"], target), hashes, notes)
        }

        private fun checkPath(path: String) {
            if ('\\' in path || path.split('/').any { it.isEmpty() || it == "." || it == ".." }) {
                throw BundleProblem(Fault.UNSAFE_PATH, "$FILE names \"$path\", which is no path inside the bundle.")
            }
        }

        private fun malformed(what: String?) =
            BundleProblem(Fault.MALFORMED, "$FILE is not a bundle's: $what. Build the bundle again.")
    }
}

/** SHA-256 in hexadecimal digits, of [data] or of what remains in a buffer. */
fun sha256(data: ByteArray): String = sha256(ByteBuffer.wrap(data))

internal fun sha256(data: ByteBuffer): String {
    val digest = MessageDigest.getInstance("SHA-256").apply { update(data.duplicate()) }.digest()
    return digest.joinToString("") { "%02x".format(it) }
}
