package org.exportpipeline.demo

import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException

/** Lends files of the folder `shared` in the app's cache to the app that the user shares them with, to be read. */
class SharedFiles : ContentProvider() {
    override fun onCreate(): Boolean = true

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        if (mode != "r") throw SecurityException("$uri is lent for reading only")
        return ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.MODE_READ_ONLY)
    }

    override fun getType(uri: Uri): String = if (uri.lastPathSegment.orEmpty().endsWith(".json")) "application/json" else "image/png"

    override fun query(uri: Uri, columns: Array<String>?, where: String?, values: Array<String>?, order: String?): Cursor {
        val file = try {
            file(uri)
        } catch (_: FileNotFoundException) {
            return MatrixCursor(emptyArray())
        }
        val all = mapOf(OpenableColumns.DISPLAY_NAME to file.name, OpenableColumns.SIZE to file.length())
        val asked = (columns ?: all.keys.toTypedArray()).filter { it in all }
        return MatrixCursor(asked.toTypedArray(), 1).apply { addRow(asked.map { all[it] }) }
    }

    /** A file right inside the folder: what leads out of it is no file of ours. */
    private fun file(uri: Uri): File {
        val folder = folder(checkNotNull(context))
        val file = File(folder, uri.pathSegments.singleOrNull() ?: throw FileNotFoundException("$uri"))
        if (file.canonicalFile.parentFile != folder.canonicalFile || !file.isFile) throw FileNotFoundException("$uri")
        return file
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun update(uri: Uri, values: ContentValues?, where: String?, arguments: Array<String>?): Int = 0

    override fun delete(uri: Uri, where: String?, arguments: Array<String>?): Int = 0

    companion object {
        private fun folder(context: Context) = File(context.cacheDir, "shared")

        /** An empty file to write; the one of before is overwritten, so that the cache does not grow. */
        fun create(context: Context, name: String): File = File(folder(context).apply { mkdirs() }, name)

        /** What another app opens [file] by. */
        fun uri(context: Context, file: File): Uri =
            Uri.Builder().scheme("content").authority("${context.packageName}.shared").appendPath(file.name).build()
    }
}
