package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.WindowManager;
import ij.process.ByteProcessor;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.TrainingSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a macro writes is understood, or refused with a sentence that names the word. */
class ChoicesTest {
  private static TrainingSpec spec(String options) throws CristaeException {
    return TrainingChoices.spec(TrainingChoices.none().parse(options)).build();
  }

  @Test
  void theLineOfTheManualIsUnderstood() throws Exception {
    String line =
        "image=stack.tif labels=stack-labels.tif task=semantic name=mito budget=standard ";
    Choices choices = TrainingChoices.none().parse(line);
    assertEquals("stack.tif", choices.get("image", ""));
    assertEquals("stack-labels.tif", choices.get("labels", ""));
    TrainingSpec spec = TrainingChoices.spec(choices).build();
    assertEquals("mito", spec.getModelName());
    assertEquals("classes", spec.getTarget());
    assertEquals("standard", spec.getBudget().getPreset());
  }

  @Test
  void titlesWithSpacesBracketsAndPathsAreWhole() throws Exception {
    Choices choices =
        TrainingChoices.none()
            .parse("image=[my stack [v2].tif] labels=C:\\data\\labels.tif classes='a b,c'");
    assertEquals("my stack [v2].tif", choices.get("image", ""));
    assertEquals("C:\\data\\labels.tif", choices.get("labels", ""));
    assertEquals("a b,c", choices.get("classes", ""));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a [1.tif", "a] 1.tif", "[x] y.tif", "[x].tif", "[x]", "'x'", "it's [2"})
  void aTitleWithOddBracketsIsReadAsItWasRecorded(String title) throws Exception {
    String recorded = Choices.quoted(title);
    if (recorded.indexOf(' ') >= 0) {
      recorded = "[" + recorded + "]"; // ImageJ's recorder does so
    }
    Choices choices =
        TrainingChoices.none().parse("image=" + recorded + " labels=[b c] name=" + recorded);
    assertEquals(title, choices.get("image", ""));
    assertEquals("b c", choices.get("labels", ""));
    assertEquals(title, choices.get("name", ""));
  }

  private static String refused(Choices choices, String options) {
    return assertThrows(CristaeException.class, () -> choices.parse(options)).getMessage();
  }

  @Test
  void aCommandWithoutOptionsSaysThatItTakesNone() {
    assertEquals(
        "Cristae Jobs does not know \"job\". It takes no options.",
        refused(new Choices("Cristae Jobs"), "job=1"));
  }

  @Test
  void whoeverGivesAKeyThatIsNotThereIsToldWhatDoesTheSame() {
    String refused = refused(Segmentation.choices(), "image=a.tif slices=1-3");
    assertTrue(refused.endsWith("segment what Image > Duplicate makes of them."), refused);
  }

  @Test
  void aTypingErrorBehindBracketsIsNamed() {
    CristaeException failure =
        assertThrows(CristaeException.class, () -> spec("image=[a b] nam=x labels=[c d]"));
    assertTrue(failure.getMessage().contains("\"nam\""), failure.getMessage());
  }

  @Test
  void aTitleWithSpacesAndWithoutBracketsIsAnsweredWithBrackets() {
    CristaeException failure =
        assertThrows(CristaeException.class, () -> spec("image=my right stack.tif name=x"));
    String told = failure.getMessage();
    assertTrue(told.contains("brackets around it: image=[my right ...]"), told);
    CristaeException other = assertThrows(CristaeException.class, () -> spec("name=x nam=y"));
    assertTrue(!other.getMessage().contains("brackets"), other.getMessage());
  }

  @Test
  void aTitleThatContainsAKeyIsNotTakenForOne() throws Exception {
    Choices choices = TrainingChoices.none().parse("image=[seed=7 name=x.tif] name=mito");
    assertEquals("mito", choices.get("name", ""));
    assertTrue(!choices.has("seed"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"budgt=quick", "quick", "name=mito nonsense"})
  void anUnknownWordIsRefused(String options) {
    CristaeException failure = assertThrows(CristaeException.class, () -> spec(options));
    assertTrue(failure.getMessage().contains("It knows: image, labels, also, annotators, task"));
  }

  @ParameterizedTest
  @CsvSource({
    "'', quick",
    "budget=quick, quick",
    "budget=standard, standard",
    "budget=medium, standard",
    "budget=best, best"
  })
  void budgetsAreCalledAsOnTheCommandLineAndStandardMayBeCalledMedium(String options, String preset)
      throws Exception {
    assertEquals(preset, spec("name=m " + options).getBudget().getPreset());
  }

  @ParameterizedTest
  @CsvSource({"budget=2.5, 2.5", "minutes=0.5, 0.5"})
  void minutesAreMinutes(String options, double minutes) throws Exception {
    assertEquals(minutes, spec("name=m " + options).getBudget().getMinutes());
  }

  @Test
  void slicesCountFromOneWithBothEnds() throws Exception {
    TrainingSpec spec = spec("name=m slices=1-40 validation=41");
    assertEquals(0, spec.getZ().getStart());
    assertEquals(40, spec.getZ().getStop());
    assertEquals(40, spec.getValidationZ().getStart());
    assertEquals(41, spec.getValidationZ().getStop());
  }

  @Test
  void objectsHaveNoClasses() throws Exception {
    assertEquals("instances", spec("name=m task=instances").getTarget());
    CristaeException refused =
        assertThrows(
            CristaeException.class, () -> spec("name=m task=instances classes=mito,vesicle"));
    assertTrue(
        refused
            .getMessage()
            .contains("classes=mito,vesicle should be left out with task=instances"),
        refused.getMessage());
  }

  @Test
  void everythingElseArrives() throws Exception {
    TrainingSpec spec =
        spec(
            "name=m task=masks steps=5 classes=[mito, vesicle] unknown=255 seed=7"
                + " empty-sections=background start-from=old device=cpu");
    assertEquals("masks", spec.getTarget());
    assertEquals(5, spec.getBudget().getSteps());
    assertEquals("vesicle", spec.getClasses(1).getName());
    assertEquals(2, spec.getClasses(1).getValue());
    assertEquals(255, spec.getUnknownValue());
    assertEquals(7, spec.getSeed());
    assertTrue(spec.getEmptySectionsAreBackground());
    assertEquals("old", spec.getStartFrom());
    assertEquals("cpu", spec.getDevice());
    Choices choices = TrainingChoices.none().parse("voxel-size=50,4.6,4.5");
    assertEquals(50, TrainingChoices.voxelSize(choices).getZNm());
    assertEquals(4.5, TrainingChoices.voxelSize(choices).getXNm());
    assertNull(TrainingChoices.voxelSize(TrainingChoices.none()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "patch_zyx=1,256,256 batch=4 learner=network",
        "patch_zyx=1,256,256, batch=4,learner=network",
        "patch_zyx=1, 256, 256  batch=4 learner=network"
      })
  void choicesOfThePlanArriveByNameAndACommaWithinAValueStays(String set) throws Exception {
    TrainingSpec spec = spec("set=[" + set + "] name=m");
    assertEquals("1,256,256", spec.getSettingsOrThrow("patch_zyx").replace(" ", ""));
    assertEquals("4", spec.getSettingsOrThrow("batch"));
    assertEquals("network", spec.getSettingsOrThrow("learner"));
    assertEquals(3, spec.getSettingsCount());
  }

  @Test
  void aTrainingOfSecondsIsARandomForestUnlessThePlanIsSetOtherwise() throws Exception {
    assertEquals("forest", spec("name=m budget=seconds").getSettingsOrThrow("learner"));
    TrainingSpec network = spec("name=m budget=seconds set=learner=network");
    assertEquals("network", network.getSettingsOrThrow("learner"));
    assertEquals("quick", network.getBudget().getPreset());
    assertEquals(0, spec("name=m").getSettingsCount());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "set=forest",
        "set==4",
        "set=[batch=4 batch=8]",
        "set=[batch=4,learner=network,batch=4]",
        "budget=soon",
        "minutes=0",
        "minutes=-1",
        "minutes=NaN",
        "steps=0",
        "steps=2.5",
        "slices=0-4",
        "slices=5-4",
        "slices=a",
        "slices=99999999999999999999",
        "unknown=-1",
        "task=both",
        "empty-sections=x",
        "seed=x",
        "unknown=4294967296",
        "classes=a,,b",
        "classes=a,2=b",
        "classes=1=a,b",
        "classes=99999999999=a",
        "classes=[1=]"
      })
  void whatCannotBeIsRefusedWithTheWord(String option) {
    CristaeException failure = assertThrows(CristaeException.class, () -> spec("name=m " + option));
    String plain = option.replaceAll("[\\[\\]]", "");
    assertTrue(failure.getMessage().contains(plain), failure.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"budget=quick steps=5", "budget=best minutes=2", "steps=5 minutes=1"})
  void oneBudgetIsEnough(String options) {
    CristaeException failure =
        assertThrows(CristaeException.class, () -> spec("name=m " + options));
    assertTrue(
        failure.getMessage().contains("one of budget, minutes and steps"), failure.getMessage());
  }

  @Test
  void classesMayBeNamedByTheValuesOfTheLabels() throws Exception {
    TrainingSpec spec = spec("name=m classes=[100=er, 200 = mitochondria] unknown=4294967295");
    assertEquals(100, spec.getClasses(0).getValue());
    assertEquals("er", spec.getClasses(0).getName());
    assertEquals(200, spec.getClasses(1).getValue());
    assertEquals("mitochondria", spec.getClasses(1).getName());
    assertEquals(-1, spec.getUnknownValue()); // all of its 32 bits
  }

  @Test
  void aTrainingNeedsANameAndWhatIsMissingIsCalledMissing() {
    CristaeException failure = assertThrows(CristaeException.class, () -> spec("budget=quick"));
    assertEquals(
        "Cristae Train: name is not given; it should be the name of the model to make.",
        failure.getMessage());
  }

  @Test
  void whoFillsInADialogIsToldOfItsFields() {
    Choices choices = TrainingChoices.none().put("seed", "x");
    choices.call("seed", "Seed");
    choices.call("name", "Name of the model");
    assertEquals(
        "Seed: \"x\" should be a whole number, at least 0.",
        assertThrows(CristaeException.class, () -> choices.whole("seed", 0)).getMessage());
    assertEquals(
        "Name of the model: it is empty, and should be a name.",
        choices.wrong("name", "a name").getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "budget=1,5; write 1.5, with a point",
        "minutes=0,5; write 0.5, with a point",
        "steps=2,5; write 2.5, with a point"
      })
  void aNumberWithACommaIsRefusedWithWhatToWrite(String option, String advice) {
    CristaeException failure = assertThrows(CristaeException.class, () -> spec("name=m " + option));
    assertTrue(failure.getMessage().endsWith(": " + advice + "."), failure.getMessage());
  }

  @Test
  void aVoxelSizeWithCommasInItsNumbersIsRefusedWithWhereTheyStand() throws Exception {
    Choices choices = TrainingChoices.none().parse("voxel-size=50,4,6,4,6");
    CristaeException failure =
        assertThrows(CristaeException.class, () -> TrainingChoices.voxelSize(choices));
    assertTrue(failure.getMessage().contains("points within the numbers"), failure.getMessage());
  }

  @Test
  void whatWasRefusedIsNotProposedTheNextTimeAndWhatWasAcceptedIs() {
    String[] key = {"kept"};
    Choices choices = new Choices("Cristae Test", key).put("kept", "abc");
    choices.rememberIfAccepted(key);
    assertEquals("", new Choices("Cristae Test", key).recall(key).get("kept", ""));
    choices.put("kept", "5").accept();
    assertEquals("5", new Choices("Cristae Test", key).recall(key).get("kept", ""));
    choices.put("kept", "").accept();
  }

  @Test
  void theFieldThatWasRefusedIsKnownOnce() {
    Choices choices = TrainingChoices.none().put("seed", "x");
    assertThrows(CristaeException.class, () -> choices.whole("seed", 0));
    assertEquals("seed", choices.takeRefused());
    assertNull(choices.takeRefused());
  }

  @ParameterizedTest
  @CsvSource({
    "stack.tif, labels, stack-mito.tif",
    "stack.ome.tif, instances, stack-mito-instances.tif",
    "stack, labels, stack-mito",
    "raw.png, labels, raw-mito.tif",
    "stack.tif, uncertainty, stack-mito-uncertainty.tif",
    "stack, probabilities, stack-mito-probabilities"
  })
  void theResultIsCalledAfterBothAndAfterWhatItIsIfNotLabels(
      String source, String output, String title) {
    assertEquals(title, OpenImages.resultTitle(source, "mito", output));
  }

  @ParameterizedTest
  @CsvSource({"other.tif, other-mito.tif, other-mito (2).tif", "raw, raw-mito, raw-mito (2)"})
  void aRepetitionIsNotCalledAsTheResultOfAnotherModel(
      String source, String open, String repeated) {
    WindowManager.setTempCurrentImage(new ImagePlus(open, new ByteProcessor(2, 2)));
    try {
      assertEquals(repeated, OpenImages.resultTitle(source, "mito", "labels"));
      String ofAnother = repeated.replace(" (2)", "-2");
      assertEquals(ofAnother, OpenImages.resultTitle(source, "mito-2", "labels"));
    } finally {
      WindowManager.setTempCurrentImage(null);
    }
  }

  @Test
  void masksAreATargetOfTheirOwn() throws Exception {
    assertEquals("masks", spec("name=m task=masks classes=mito,crista").getTarget());
  }

  @ParameterizedTest
  @CsvSource({"40, 40 s", "720, 12 min", "11100, 3 h 5 min"})
  void timesAreWords(double seconds, String words) {
    assertEquals(words, Following.duration(seconds));
  }
}
