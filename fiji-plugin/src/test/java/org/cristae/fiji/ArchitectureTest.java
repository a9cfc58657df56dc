package org.cristae.fiji;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The rooms of the plugin and who may know whom. */
class ArchitectureTest {
  private static final String ROOT = "org.cristae.fiji.";
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("org.cristae.fiji");

  @Test
  void roomsImportOnlyDownwards() {
    layeredArchitecture()
        .consideringOnlyDependenciesInAnyPackage("org.cristae.fiji..")
        .layer("command")
        .definedBy(ROOT + "command..")
        .layer("ui")
        .definedBy(ROOT + "ui..")
        .layer("labels")
        .definedBy(ROOT + "labels..")
        .layer("image")
        .definedBy(ROOT + "image..")
        .layer("launch")
        .definedBy(ROOT + "launch..")
        .layer("client")
        .definedBy(ROOT + "client..")
        .whereLayer("command")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("ui")
        .mayOnlyBeAccessedByLayers("command")
        .whereLayer("labels")
        .mayOnlyBeAccessedByLayers("ui")
        .whereLayer("image")
        .mayOnlyBeAccessedByLayers("ui", "labels")
        .whereLayer("launch")
        .mayOnlyBeAccessedByLayers("ui")
        .check(CLASSES);
  }

  @Test
  void clientAndLaunchDoNotKnowImageJ() {
    noClasses()
        .that()
        .resideInAnyPackage(ROOT + "client..", ROOT + "launch..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("ij..", "java.awt..", "javax.swing..")
        .check(CLASSES);
  }

  @Test
  void onlyTheClientSpeaksGrpc() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ROOT + "client..", "org.cristae.v1..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.grpc..", "io.netty..", "com.google.common..")
        .check(CLASSES);
  }

  @Test
  void onlyTheImageRoomKnowsImageJsAxisOrder() {
    for (String method : new String[] {"getNSlices", "getNFrames", "getDimensions"}) {
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "image..")
          .should()
          .callMethod(ij.ImagePlus.class, method)
          .check(CLASSES);
    }
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + "image..")
        .should()
        .callMethod(ij.ImagePlus.class, "getStackIndex", int.class, int.class, int.class)
        .orShould()
        .callMethod(ij.ImagePlus.class, "setDimensions", int.class, int.class, int.class)
        .orShould()
        .callMethod(ij.ImagePlus.class, "convertIndexToPosition", int.class)
        .check(CLASSES);
  }
}
