package org.exportpipeline.demo

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.ColorSpace
import android.media.ExifInterface
import android.net.Uri
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream
import org.exportpipeline.core.Orientation
import org.exportpipeline.core.Picture

/** A photograph cannot be read or a picture not written; the message is for the screen. */
class PhotoProblem(message: String) : Exception(message)

/**
 * Reads photographs and writes pictures. It blocks: call it on a background thread.
 *
 * @param folder where the chosen photograph is kept, for the right to read it from its owner ends with the process.
 */
class Photos(private val resolver: ContentResolver, private val folder: File) {
    private val kept = File(folder, "photo")

    /** Whether a photograph was kept, perhaps by a process before this one. */
    val hasKept: Boolean get() = kept.isFile

    /**
     * Keeps a copy of the photograph at [uri] and reads it.
     *
     * @throws PhotoProblem it cannot be read.
     */
    fun take(uri: Uri): Picture {
        val aside = File(folder, "photo.part")
        try {
            val stream = resolver.openInputStream(uri) ?: throw FileNotFoundException("its owner gave nothing")
            stream.use { input -> aside.outputStream().use { input.copyTo(it) } }
            val picture = read(aside)
            if (!aside.renameTo(kept)) throw IOException("no room to keep it")
            return picture
        } catch (error: IOException) {
            throw PhotoProblem("The photograph cannot be read: ${error.message}. Choose another one.")
        } catch (_: SecurityException) {
            throw PhotoProblem("The photograph may not be read any more. Choose it again.")
        } finally {
            aside.delete()
        }
    }

    /** The photograph that was kept. */
    fun again(): Picture = read(kept)

    private fun read(file: File): Picture {
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        file.inputStream().use { BitmapFactory.decodeStream(it, null, bounds) }
        val options = BitmapFactory.Options().apply {
            inSampleSize = sampling(bounds.outWidth, bounds.outHeight)
            // Wide colours would otherwise come as numbers that mean something else to the model.
            inPreferredColorSpace = ColorSpace.get(ColorSpace.Named.SRGB)
        }
        val bitmap = (if (bounds.outWidth > 0) file.inputStream().use { BitmapFactory.decodeStream(it, null, options) } else null)
            ?: throw PhotoProblem("This file is no photograph that Android can read. Choose another one.")
        val picture = bitmap.toPicture()
        bitmap.recycle()
        return orientation(file.inputStream()).applyTo(picture)
    }

    private fun orientation(stream: InputStream): Orientation = try {
        stream.use { Orientation.ofExif(ExifInterface(it).getAttributeInt(ExifInterface.TAG_ORIENTATION, 1)) }
    } catch (_: IOException) { // a file without EXIF
        Orientation.UPRIGHT
    }

    /** Writes [picture] as PNG. */
    fun write(picture: Picture, stream: OutputStream) {
        val bitmap = picture.toBitmap()
        try {
            if (!bitmap.compress(Bitmap.CompressFormat.PNG, 100, stream)) throw IOException("it could not be encoded")
        } finally {
            bitmap.recycle()
        }
    }

    /**
     * Writes [picture] to [uri], which the user chose.
     *
     * @throws PhotoProblem it cannot be written; the message is the cause alone.
     */
    fun save(picture: Picture, uri: Uri) {
        try {
            // "wt": a file that was longer before must not keep its tail.
            val stream = resolver.openOutputStream(uri, "wt") ?: throw FileNotFoundException("nothing can be written there")
            stream.use { write(picture, it) }
        } catch (error: IOException) {
            throw PhotoProblem(error.message ?: "it cannot be written")
        } catch (_: SecurityException) {
            throw PhotoProblem("the place may not be written to")
        }
    }

    companion object {
        /** Pixels of the longer side that a photograph is read with at most: 64 MB as a bitmap, in any phone's room. */
        const val MOST_SIDE = 4096

        /** The power of two by which a photograph is made smaller while it is read. */
        fun sampling(width: Int, height: Int): Int {
            var sampling = 1
            while (maxOf(width, height) / sampling > MOST_SIDE) sampling *= 2
            return sampling
        }
    }
}
