// Plain Kotlin: its tests are those of the Maven build, which has the vectors and LiteRT for them.
plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    jvmToolchain(libs.versions.jvm.get().toInt())
    compilerOptions {
        allWarningsAsErrors = true
    }
}

sourceSets.test {
    kotlin.setSrcDirs(emptyList<String>())
}
