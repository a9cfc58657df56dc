package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which names models may have, and which are proposed. */
class ModelNameTest {
  @ParameterizedTest
  @ValueSource(strings = {"mito", "mito 2.5D", "9-x_y+(z)", "console", "com10", "a.con"})
  void namesOfFoldersOnEveryPlatformAreTaken(String name) throws Exception {
    ModelName.check(name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"Mito (1) {test}", "../mito", "", "mito.", ".mito", "st\u00e4ck", "a/b", "-a"})
  void anythingElseIsRefusedInTheSentenceThatSaysWhatIsAllowed(String name) {
    CristaeException failure = assertThrows(CristaeException.class, () -> ModelName.check(name));
    assertEquals(
        "\""
            + name
            + "\" cannot be the name of a model. Use letters from A to Z, digits, spaces and . _ - +"
            + " ( ), at most 120 characters, beginning with a letter or digit and not ending with a"
            + " point.",
        failure.getMessage());
  }

  @Test
  void aMacroWithSuchANameIsRefusedBeforeAnythingElse() {
    CristaeException failure =
        assertThrows(
            CristaeException.class,
            () -> TrainingChoices.spec(TrainingChoices.none().parse("name=[Mito (1) {test}]")));
    assertTrue(failure.getMessage().contains("\"Mito (1) {test}\" cannot be"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"con", "NUL", "Com1", "aux.old", "lpt9 .x"})
  void whatWindowsReservesIsRefused(String name) {
    assertTrue(ModelName.whyNot(name).contains("Windows reserves it"), name);
  }

  @Test
  void lengthCounts() {
    char[] letters = new char[120];
    Arrays.fill(letters, 'm');
    assertEquals("", ModelName.whyNot(new String(letters)));
    assertTrue(ModelName.whyNot(new String(letters) + "m").contains("mmm...\" cannot be"));
  }

  @ParameterizedTest
  @CsvSource({
    "stack-mito-labels.tif, mito",
    "labels.tif, model",
    "stack-mito (2).tif, mito",
    "stack-cells-instances.tif, cells",
    "neurons.tif, neurons",
    "a\\b.tif, a-b",
    "\u00e4\u00f6.tif, model",
    "con.tif, model"
  })
  void theNameIsSuggestedFromTheLabels(String labels, String name) {
    assertEquals(name, ModelName.suggested(labels));
  }

  @ParameterizedTest
  @CsvSource({"er, er", "mito, mito-4", "mito-2, mito-4", "x, x-2"})
  void aNameThatAModelHasGetsTheNextNumber(String name, String free) {
    Set<String> taken = new HashSet<>(Arrays.asList("mito", "mito-2", "mito-3", "x"));
    assertEquals(free, ModelName.free(name, taken));
    assertEquals(name, ModelName.free(name, Collections.emptySet()));
  }

  @Test
  void aModelThatWillBeReplacedIsToldWithHowGoodItIs() {
    Model mito = Model.newBuilder().setName("mito").build();
    assertEquals(
        "There is a model \"mito\" already: it is replaced when the training ends well.",
        ServerModels.isReplaced(mito));
    assertTrue(
        ServerModels.isReplaced(mito.toBuilder().putMetrics("dice", 0.934).build())
            .contains("already (Dice 0.93): it"));
  }
}
