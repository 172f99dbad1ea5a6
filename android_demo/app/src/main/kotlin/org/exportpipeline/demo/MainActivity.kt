package org.exportpipeline.demo

import android.Manifest
import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.hardware.camera2.CameraManager
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import android.view.View
import android.widget.Button
import android.widget.RadioButton
import android.widget.RadioGroup
import android.widget.SeekBar
import android.widget.TextView
import android.widget.Toast
import org.exportpipeline.core.Picture

/** Choose a photograph or start the camera, choose a style, compare, save, share. */
class MainActivity : Activity() {
    private val studio get() = (application as DemoApplication).studio
    private val pictures by lazy { view<BeforeAfterView>(R.id.pictures) }
    private val slider by lazy { view<SeekBar>(R.id.slider) }
    private val modes = mapOf(R.id.crop to Mode.CROP, R.id.whole to Mode.WHOLE, R.id.large to Mode.LARGE)
    private var feed: CameraFeed? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.main)
        state?.let {
            studio.restore(it.getString(STYLE), Mode.valueOf(it.getString(MODE, Mode.CROP.name)), it.getBoolean(PHOTO))
        }
        listStyles()
        view<RadioGroup>(R.id.modes).run {
            check(modes.entries.first { it.value == studio.screen.mode }.key)
            setOnCheckedChangeListener { _, id -> studio.choose(modes.getValue(id)) }
        }
        slider.setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) = move(progress)
            override fun onStartTrackingTouch(bar: SeekBar) = Unit
            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })
        pictures.onMoved = { slider.progress = (it * slider.max).toInt() }
        on(R.id.photo) { pick() }
        on(R.id.camera) { if (feed == null) askForCamera() else stopCamera() }
        on(R.id.save) { chooseWhereToSave() }
        on(R.id.share) { share() }
        on(R.id.speed) { startActivity(Intent(this, BenchmarkActivity::class.java)) }
    }

    private fun on(id: Int, act: () -> Unit) = view<Button>(id).setOnClickListener { act() }

    private fun listStyles() = view<RadioGroup>(R.id.styles).run {
        studio.styles.forEachIndexed { index, style ->
            val button = RadioButton(context).apply {
                id = FIRST_STYLE + index
                text = style.label
                minHeight = resources.getDimensionPixelSize(android.R.dimen.app_icon_size)
            }
            addView(button)
        }
        check(FIRST_STYLE + studio.styles.indexOf(studio.screen.style))
        setOnCheckedChangeListener { _, id -> studio.styles.getOrNull(id - FIRST_STYLE)?.let(studio::choose) }
    }

    private fun move(progress: Int) {
        pictures.position = progress.toFloat() / slider.max
    }

    override fun onStart() {
        super.onStart()
        move(slider.progress)
        studio.listener = ::show
    }

    override fun onStop() {
        stopCamera()
        studio.listener = null
        super.onStop()
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putString(STYLE, studio.screen.style?.name)
        state.putString(MODE, studio.screen.mode.name)
        state.putBoolean(PHOTO, studio.screen.isKept)
    }

    private fun show(screen: Screen) {
        pictures.show(screen.before, screen.after)
        val latency = screen.latency?.let { "%.1f ms, %.1f / s".format(it.medianMs, it.fps) }
        view<TextView>(R.id.status).text = when {
            screen.isBusy -> getString(R.string.working)
            screen.before == null -> getString(R.string.choose_photo)
            else -> (listOfNotNull(latency) + screen.notes).joinToString("\n")
        }
        tell(if (screen.style == null) getString(R.string.no_styles) else screen.problem)
        val whole = screen.after != null && !screen.isBusy
        for (id in listOf(R.id.save, R.id.share)) view<View>(id).isEnabled = whole
        for (id in listOf(R.id.photo, R.id.camera, R.id.speed)) view<View>(id).isEnabled = screen.style != null
    }

    private fun tell(problem: String?) = view<TextView>(R.id.problem).run {
        text = problem.orEmpty()
        visibility = if (problem == null) View.GONE else View.VISIBLE
    }

    private fun pick() {
        stopCamera()
        val intent = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            Intent(MediaStore.ACTION_PICK_IMAGES).setType(IMAGES)
        } else {
            Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(IMAGES)
        }
        start(intent, PICK)
    }

    private fun chooseWhereToSave() {
        val intent = Intent(Intent.ACTION_CREATE_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(PNG)
        start(intent.putExtra(Intent.EXTRA_TITLE, "${studio.screen.style?.name}.png"), SAVE)
    }

    private fun start(intent: Intent, request: Int) {
        try {
            @Suppress("DEPRECATION") // the newer way is of AndroidX
            startActivityForResult(intent, request)
        } catch (_: ActivityNotFoundException) {
            tell(getString(R.string.no_app))
        }
    }

    @Deprecated("The newer way is of AndroidX.")
    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        val uri = data?.data.takeIf { result == RESULT_OK } ?: return
        when (request) {
            PICK -> studio.take(uri)
            SAVE -> studio.save(uri) { problem ->
                if (problem == null) toast(getString(R.string.saved)) else tell(getString(R.string.not_saved, problem))
            }
        }
    }

    private fun toast(text: String) = Toast.makeText(this, text, Toast.LENGTH_SHORT).show()

    private fun share() {
        val file = SharedFiles.create(this, "${studio.screen.style?.name}.png")
        studio.write(file) { problem ->
            if (problem == null) send(this, file, PNG) else tell(getString(R.string.not_saved, problem))
        }
    }

    private fun askForCamera() = when {
        manager().camera() == null -> tell(getString(R.string.no_camera))
        checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED -> startCamera()
        else -> requestPermissions(arrayOf(Manifest.permission.CAMERA), CAMERA)
    }

    override fun onRequestPermissionsResult(request: Int, permissions: Array<out String>, results: IntArray) {
        if (request != CAMERA || results.isEmpty()) return // empty: the question was interrupted
        if (results.first() == PackageManager.PERMISSION_GRANTED) startCamera() else tell(getString(R.string.camera_refused))
    }

    private fun startCamera() {
        val camera = manager().camera() ?: return tell(getString(R.string.no_camera))
        var room: Picture? = null
        val pump = studio.pump<CameraFrame> { frame ->
            val asSensorLies = frame.use { it.picture(room) }
            room = asSensorLies
            frame.orientation.applyTo(asSensorLies)
        }
        feed = CameraFeed(manager(), camera, ::displayDegrees, pump, (application as DemoApplication).foreground) { reason ->
            stopCamera()
            tell(getString(R.string.camera_failed, reason))
        }.also { it.open() }
        view<Button>(R.id.camera).setText(R.string.stop)
    }

    private fun stopCamera() {
        feed?.close()
        feed = null
        view<Button>(R.id.camera).setText(R.string.camera)
    }

    private fun manager() = getSystemService(Context.CAMERA_SERVICE) as CameraManager

    @Suppress("DEPRECATION") // the newer way came with API 30
    private fun displayDegrees(): Int = windowManager.defaultDisplay.rotation * RIGHT_ANGLE

    companion object {
        private const val STYLE = "style"
        private const val MODE = "mode"
        private const val PHOTO = "photo"
        private const val IMAGES = "image/*"
        private const val PNG = "image/png"
        private const val PICK = 1
        private const val SAVE = 2
        private const val CAMERA = 3
        private const val RIGHT_ANGLE = 90

        /** The button of the first style; the others follow. */
        const val FIRST_STYLE = 1000

        /** Asks the user where to send [file]. */
        fun send(context: Context, file: java.io.File, type: String) {
            val uri = SharedFiles.uri(context, file)
            val intent = Intent(Intent.ACTION_SEND).setType(type).putExtra(Intent.EXTRA_STREAM, uri)
            // The clip makes the grant reach the app that the user chooses.
            intent.clipData = android.content.ClipData.newRawUri(null, uri)
            context.startActivity(Intent.createChooser(intent.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION), null))
        }
    }
}
