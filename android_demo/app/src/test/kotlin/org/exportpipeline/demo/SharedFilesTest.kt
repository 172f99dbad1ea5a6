package org.exportpipeline.demo

import android.net.Uri
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(application = FakeApplication::class, sdk = [35])
class SharedFilesTest {
    private val app get() = FakeApplication.current
    private lateinit var provider: SharedFiles
    private lateinit var shared: Uri

    @Before
    fun share() {
        provider = Robolectric.setupContentProvider(SharedFiles::class.java, "${app.packageName}.shared")
        val file = SharedFiles.create(app, "a.png").apply { writeText("picture") }
        File(app.cacheDir, "secret").writeText("secret")
        shared = SharedFiles.uri(app, file)
    }

    @Test
    fun `a shared file is told with name, size and type`() {
        provider.query(shared, null, null, null, null).use { cursor ->
            cursor.moveToFirst()
            assertEquals("a.png", cursor.getString(cursor.getColumnIndexOrThrow(OpenableColumns.DISPLAY_NAME)))
            assertEquals(7, cursor.getLong(cursor.getColumnIndexOrThrow(OpenableColumns.SIZE)))
        }
        provider.query(shared, arrayOf(OpenableColumns.SIZE, "other"), null, null, null).use { assertEquals(listOf(OpenableColumns.SIZE), it.columnNames.toList()) }
        assertEquals("image/png", provider.getType(shared))
    }

    @Test
    fun `nothing outside of the folder is lent, and nothing may be written`() {
        for (path in listOf("../secret", "..%2Fsecret", "b.png", "a.png/b", "")) {
            val uri = Uri.parse("content://${app.packageName}.shared/$path")
            assertThrows(FileNotFoundException::class.java) { provider.openFile(uri, "r") }
            assertEquals(0, provider.query(uri, null, null, null, null).use { it.count })
        }
        assertThrows(SecurityException::class.java) { provider.openFile(shared, "rw") }
    }
}
