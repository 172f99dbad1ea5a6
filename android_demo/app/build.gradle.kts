plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "org.exportpipeline.demo"
    compileSdk = libs.versions.target.sdk.get().toInt()

    defaultConfig {
        applicationId = "org.exportpipeline.demo"
        minSdk = libs.versions.min.sdk.get().toInt()
        targetSdk = libs.versions.target.sdk.get().toInt()
        versionCode = 1
        versionName = "1.0"
        ndk {
            abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64")
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }

    androidResources {
        // Packed models would be unpacked as a whole at every start.
        noCompress += "tflite"
    }

    packaging {
        jniLibs {
            // Native code lies in the APK uncompressed and aligned, for pages of 4 and of 16 KB.
            useLegacyPackaging = false
        }
    }

    // The tests run under Maven.
    sourceSets.getByName("test").setRoot("src/none")
}

kotlin {
    jvmToolchain(libs.versions.jvm.get().toInt())
}

dependencies {
    implementation(project(":core"))
    implementation(libs.litert)
    implementation(libs.litert.gpu) // may be left out: the app then says that there is no GPU
}

/** Copies what an app ships of the repository's bundles: manifests and TFLite files. Git holds them once. */
abstract class CopyBundles : DefaultTask() {
    @get:InputFiles
    @get:PathSensitive(PathSensitivity.RELATIVE)
    abstract val bundles: ConfigurableFileCollection

    @get:OutputDirectory
    abstract val assets: DirectoryProperty

    @get:Inject
    abstract val files: FileSystemOperations

    @TaskAction
    fun copy() {
        files.sync {
            from(bundles)
            into(assets.dir("bundles"))
            includeEmptyDirs = false
        }
    }
}

val copyBundles = tasks.register<CopyBundles>("copyBundles") {
    // What a build of one's own leaves there is not for the app.
    bundles.from(
        rootProject.fileTree("../artifacts") {
            include("*/manifest.json", "*/*.tflite")
            exclude("demo", "starry_night_256", "starry_night_tiny", "unet_brain", ".*")
        },
    )
}

androidComponents.onVariants { variant ->
    variant.sources.assets?.addGeneratedSourceDirectory(copyBundles, CopyBundles::assets)
}
