<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="nl" sourcelanguage="en">
 <context>
  <name>RNTDosimetry</name>
  <message>
   <source>RNT Dosimetry</source>
   <translation>RNT-dosimetrie</translation>
  </message>
  <message>
   <source>Decay data from the DDEP evaluations; dose kernels computed with EGSnrc. The sources of every number stand in the report and in the folder Resources.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>RNT Dosimetry phantom patient</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Absorbed dose of organs, lesions and voxels in radionuclide therapy, with its uncertainty, from SPECT/CT or PET/CT at several times. Load a study, look at what was read, run, and write the report. For research only.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Making a phantom patient and computing its absorbed doses</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Test passed</source>
   <translation>Test geslaagd</translation>
  </message>
  <message>
   <source> See the &lt;a href="{url}"&gt;documentation&lt;/a&gt;.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Run all steps</source>
   <translation>Alle stappen uitvoeren</translation>
  </message>
  <message>
   <source>Load a study first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Run all</source>
   <translation>Alles uitvoeren</translation>
  </message>
  <message>
   <source>font-weight: bold</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Stop the work and leave the scene as it was</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Cancel</source>
   <translation>Annuleren</translation>
  </message>
  <message>
   <source>How much of the work is done</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>What is going on</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>1. Study</source>
   <translation>1. Studie</translation>
  </message>
  <message>
   <source>Study in scene:</source>
   <translation>Studie in de scène:</translation>
  </message>
  <message>
   <source>A scene can hold several studies, each with its own inputs and results. Create a new one here, or rename one</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>DICOM folder:</source>
   <translation>DICOM-map:</translation>
  </message>
  <message>
   <source>Folder with the CT and the quantitative SPECT or PET of every time point, and the structure set or segmentation if there is one</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a folder first</source>
   <translation>Kies eerst een map</translation>
  </message>
  <message>
   <source>Load study</source>
   <translation>Studie laden</translation>
  </message>
  <message>
   <source>Nuclide:</source>
   <translation>Nuclide:</translation>
  </message>
  <message>
   <source>Therapy nuclide; read from the images when they name it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Where this value comes from</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Radiopharmaceutical:</source>
   <translation>Radiofarmacon:</translation>
  </message>
  <message>
   <source>What was given; for the report only</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>for example 177Lu-DOTATATE</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Administered activity:</source>
   <translation>Toegediende activiteit:</translation>
  </message>
  <message>
   <source>Net administered activity: injected minus residual. Not needed for the absorbed dose, needed for Gy/GBq</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> MBq</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Administration:</source>
   <translation>Toediening:</translation>
  </message>
  <message>
   <source>Start of administration, as 2026-11-20T09:30:00; the scans are timed anew when it is changed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>yyyy-mm-ddThh:mm:ss</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Status:</source>
   <translation>Toestand:</translation>
  </message>
  <message>
   <source>Whether this step can be done, is done, or is out of date</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Result:</source>
   <translation>Resultaat:</translation>
  </message>
  <message>
   <source>What this step found</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Advanced</source>
   <translation>Geavanceerd</translation>
  </message>
  <message>
   <source>Overrides:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Values that the files lack or say wrongly, as JSON, used by Load study; the names are in docs/intake.md</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>{"residual_activity_mbq": 40}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Sample:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>A small made-up patient with known truth, to learn with; nothing is downloaded</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Make and load the phantom patient</source>
   <translation>Fantoompatiënt maken en laden</translation>
  </message>
  <message>
   <source>Read from DICOM:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Every value that was read, its tag and its file</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>2. Time points</source>
   <translation>2. Tijdstippen</translation>
  </message>
  <message>
   <source>One row a scan. Start, duration and calibration can be typed over; typed values are in italics</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Activity volume:</source>
   <translation>Activiteitsvolume:</translation>
  </message>
  <message>
   <source>Volume of a scan to add, from any file that Slicer reads; or a sequence of them, which brings its own times in h, min or s</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a volume</source>
   <translation>Kies een volume</translation>
  </message>
  <message>
   <source>With CT:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>CT of the same session; without CTs the scans are taken as aligned</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>No CT</source>
   <translation>Geen CT</translation>
  </message>
  <message>
   <source>Hours after administration:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Start of acquisition, hours after the start of administration</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> h</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Calibration:</source>
   <translation>Kalibratie:</translation>
  </message>
  <message>
   <source>Bq/mL for a stored value of 1; stays at 1 for images in Bq/mL</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> Bq/mL</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose an activity volume first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add time point</source>
   <translation>Tijdstip toevoegen</translation>
  </message>
  <message>
   <source>Camera calibration</source>
   <translation>Kalibratie van de camera</translation>
  </message>
  <message>
   <source>Calibration file:</source>
   <translation>Kalibratiebestand:</translation>
  </message>
  <message>
   <source>Sensitivity of the camera, as python -m RNTDosimetryLib calibrate writes it. For images in counts: chosen before Load study it calibrates the DICOM files, otherwise click Calibrate counts</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Sensitivity:</source>
   <translation>Gevoeligheid:</translation>
  </message>
  <message>
   <source>Counts per second in the image per MBq; from the file, or typed. 0 means none</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> cps/MBq</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a calibration file first</source>
   <translation>Kies eerst een kalibratiebestand</translation>
  </message>
  <message>
   <source>Calibrate counts</source>
   <translation>Tellingen kalibreren</translation>
  </message>
  <message>
   <source>The calibration in use</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Click a row first</source>
   <translation>Klik eerst op een rij</translation>
  </message>
  <message>
   <source>Use as reference</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Remove</source>
   <translation>Verwijderen</translation>
  </message>
  <message>
   <source>There are no time points</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Clear all</source>
   <translation>Alles wissen</translation>
  </message>
  <message>
   <source>3. Registration</source>
   <translation>3. Registratie</translation>
  </message>
  <message>
   <source>Method:</source>
   <translation>Methode:</translation>
  </message>
  <message>
   <source>How the scans are brought onto the reference. The regions are drawn once, on the reference</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Register</source>
   <translation>Registreren</translation>
  </message>
  <message>
   <source>How far each scan was moved, and how well it then agrees. Click a row, then look at the blend</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Click the row of a scan first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Blend</source>
   <translation>Overvloeien</translation>
  </message>
  <message>
   <source>Checkerboard</source>
   <translation>Schaakbord</translation>
  </message>
  <message>
   <source>Correct by hand</source>
   <translation>Met de hand verbeteren</translation>
  </message>
  <message>
   <source>Fade:</source>
   <translation>Overgang:</translation>
  </message>
  <message>
   <source>Click Blend first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> %</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>4. Regions</source>
   <translation>4. Gebieden</translation>
  </message>
  <message>
   <source>Segmentation:</source>
   <translation>Segmentatie:</translation>
  </message>
  <message>
   <source>Organs and lesions, drawn on the reference</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>None</source>
   <translation>Geen</translation>
  </message>
  <message>
   <source>Recovery curve:</source>
   <translation>Recoverykromme:</translation>
  </message>
  <message>
   <source>Recovery of spheres, as python -m RNTDosimetryLib recovery writes it: gives RC and u(RC) of every region by its volume; typed values stay</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Kind, recovery coefficient and mass can be typed; an empty mass means volume times density</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a segmentation first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Measure activity</source>
   <translation>Activiteit meten</translation>
  </message>
  <message>
   <source>Draw regions</source>
   <translation>Gebieden tekenen</translation>
  </message>
  <message>
   <source>Segment editor</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Install the extension TotalSegmentator first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Organs by TotalSegmentator</source>
   <translation>Organen met TotalSegmentator</translation>
  </message>
  <message>
   <source>Voxels of 3 mm instead of 1.5 mm: minutes instead of up to an hour without a graphics card; borders are coarser, look at them</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Fast</source>
   <translation>Snel</translation>
  </message>
  <message>
   <source>Seed point:</source>
   <translation>Startpunt:</translation>
  </message>
  <message>
   <source>Point in the lesion; without one the hottest voxel outside of all regions is taken</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Hottest voxel outside of the regions</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Threshold:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Of the highest value around the seed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add isocontour</source>
   <translation>Isocontour toevoegen</translation>
  </message>
  <message>
   <source>Sphere volume:</source>
   <translation>Volume van de bol:</translation>
  </message>
  <message>
   <source>Volume of the sphere around the seed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> mL</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add sphere</source>
   <translation>Bol toevoegen</translation>
  </message>
  <message>
   <source>5. Kinetics</source>
   <translation>5. Kinetiek</translation>
  </message>
  <message>
   <source>Model of all regions:</source>
   <translation>Model van alle gebieden:</translation>
  </message>
  <message>
   <source>auto takes the best by AICc among the models that the samples can carry</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Earlier cycle:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>results.json of an earlier cycle of this patient: regions with one scan or two take its curves, scaled</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Measure the regions first</source>
   <translation>Meet eerst de gebieden</translation>
  </message>
  <message>
   <source>Fit curves</source>
   <translation>Krommen aanpassen</translation>
  </message>
  <message>
   <source>Click a region to see its curve, its fit and its warnings</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Model of the region:</source>
   <translation>Model van het gebied:</translation>
  </message>
  <message>
   <source>Another model for the region of the clicked row; its dose is shown before you compute</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Fit of the clicked region</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Click a region in the table above.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Show all curves</source>
   <translation>Alle krommen tonen</translation>
  </message>
  <message>
   <source>Add the scans first</source>
   <translation>Voeg eerst de scans toe</translation>
  </message>
  <message>
   <source>Play scans</source>
   <translation>Scans afspelen</translation>
  </message>
  <message>
   <source>Logarithmic activity axis: an exponential is a straight line</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Log scale</source>
   <translation>Logaritmische schaal</translation>
  </message>
  <message>
   <source>6. Dose</source>
   <translation>6. Dosis</translation>
  </message>
  <message>
   <source>Fit the curves first</source>
   <translation>Pas eerst de krommen aan</translation>
  </message>
  <message>
   <source>Compute dose</source>
   <translation>Dosis berekenen</translation>
  </message>
  <message>
   <source>Absorbed dose of every region, with standard uncertainties; click a region to see its curve. All columns: Curves and table</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Compute the dose first</source>
   <translation>Bereken eerst de dosis</translation>
  </message>
  <message>
   <source>Show dose over CT</source>
   <translation>Dosis over CT tonen</translation>
  </message>
  <message>
   <source>Isodoses</source>
   <translation>Isodosen</translation>
  </message>
  <message>
   <source>Curves and table</source>
   <translation>Krommen en tabel</translation>
  </message>
  <message>
   <source>Warnings:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Everything doubtful but usable that was met on the way</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>None yet.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Isodose levels:</source>
   <translation>Isodoseniveaus:</translation>
  </message>
  <message>
   <source>Percent of the highest dose, separated by commas</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>20, 40, 60, 80</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Install the extension SlicerRT first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>DVH in SlicerRT</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Isodoses in SlicerRT</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>7. Planning</source>
   <translation>7. Planning</translation>
  </message>
  <message>
   <source>From segments</source>
   <translation>Uit segmenten</translation>
  </message>
  <message>
   <source>Scout scan:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Tc-99m MAA or Ho-166 SPECT on the grid of the CT or its own; counts are enough, only ratios are used</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Scout resolution:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>FWHM of the reconstructed scout, for the correction of blur; 0 means no correction, and ratios of small tumors are too low</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> mm</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>CT:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>For the lung mass; without it the entered one is taken</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Territories, tumors and lungs, drawn on the CT of the scout</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a segmentation</source>
   <translation>Kies een segmentatie</translation>
  </message>
  <message>
   <source>What every segment is in the plan. A territory is the perfused volume of one injection with its tumors: let segments overlap</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose the scout scan first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Plan from segments</source>
   <translation>Plan uit segmenten</translation>
  </message>
  <message>
   <source>Product:</source>
   <translation>Product:</translation>
  </message>
  <message>
   <source>Nuclide or microspheres of a radioembolization</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Activity:</source>
   <translation>Activiteit:</translation>
  </message>
  <message>
   <source>At administration</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>not given</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> GBq</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Tumor mass:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Perfused tumor; 0 for none</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> g</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Tumor to normal ratio:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Concentration in tumor over that in normal liver, from the scout scan</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Normal liver mass:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Perfused normal liver</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Lung shunt:</source>
   <translation>Longshunt:</translation>
  </message>
  <message>
   <source>Share of the activity that goes to the lungs</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Several injections</source>
   <translation>Meerdere injecties</translation>
  </message>
  <message>
   <source>One row an injection. The activity of each can be typed; the activity above is their sum, and scales them all</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add an injection with the values typed above</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add injection</source>
   <translation>Injectie toevoegen</translation>
  </message>
  <message>
   <source>Lung mass:</source>
   <translation>Massa van de longen:</translation>
  </message>
  <message>
   <source>Of both lungs; not given, it is 1000 g by convention, uncertain by 25 %</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>What the limits depend on</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Scenario:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Part of the liver that is treated; without it the strictest limit that could hold is judged</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Whole normal liver:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Normal liver inside and outside the territories, for its own limit and the hepatic reserve</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Total bilirubin:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>With glass spheres the limit of the whole normal liver depends on it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> mg/dL</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Liver function:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>With resin and holmium spheres limits of the normal liver depend on it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Disease:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Goals of the tumors depend on it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Liver limit:</source>
   <translation>Grens voor de lever:</translation>
  </message>
  <message>
   <source>Highest dose of the perfused normal liver, in place of that of the product</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>of the product</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source> Gy</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Lung limit:</source>
   <translation>Grens voor de longen:</translation>
  </message>
  <message>
   <source>Highest dose of the lungs in this and earlier treatments, in place of that of the product</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Doses of the activity above; a broken limit is said in words and colored</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Type a plan first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Take the largest activity</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Nothing to take back</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Undo</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Plan folder:</source>
   <translation>Map voor het plan:</translation>
  </message>
  <message>
   <source>Folder for plan_report.html, plan.json and plan.csv</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Write plan report</source>
   <translation>Planverslag schrijven</translation>
  </message>
  <message>
   <source>Command line of the library</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Orders, uncertainty and own products: python -m RNTDosimetryLib plan PLAN.json</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>8. Course</source>
   <translation>8. Behandelreeks</translation>
  </message>
  <message>
   <source>Course file:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Course file with the cycles; one that is not there yet is begun with Append</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a course file first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Append this study as a cycle</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Compute course</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Cumulative dose of every region over the cycles</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Report folder:</source>
   <translation>Map voor het verslag:</translation>
  </message>
  <message>
   <source>Folder for course_report.html, course_results.json and course.csv</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Compute the course first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Write course report</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Where limits and the next cycle are entered</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Limits, the next cycle, external beam and the way home are entered in the course file: docs/course.md</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>9. Report</source>
   <translation>9. Verslag</translation>
  </message>
  <message>
   <source>Folder for report.html, results.json, results.csv, dose.nrrd, tia.nrrd and dose.dcm (RTDOSE)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Run first</source>
   <translation>Voer eerst uit</translation>
  </message>
  <message>
   <source>Write report</source>
   <translation>Verslag schrijven</translation>
  </message>
  <message>
   <source>Load a DICOM study first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Write study file</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Compute published and analytic cases with this installation, and show expected and found</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Self check</source>
   <translation>Zelfcontrole</translation>
  </message>
  <message>
   <source>Published and analytic numbers beside what this installation computes</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>For research only. Not a medical device.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.course</name>
  <message>
   <source>Write the results of this study beside the course file and add them as a cycle; the file as it was is kept</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a course file first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>This course file is not there yet: append a study to begin it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add up the cycles and look ahead to the next</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Compute the course first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a folder for the course report first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Write course_report.html, course_results.json and course.csv</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The course report could not be written.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Region</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Dose (Gy)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>BED (Gy)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>EQD2 (Gy)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Probability to be above</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>As named in the course</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Cumulative absorbed dose with its standard uncertainty</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Biologically effective dose of all cycles and other therapies</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The same in fractions of 2 Gy</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Of each limit, by itself</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The course file has changed: compute the course again</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The study could not be appended.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The course could not be computed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Written: {names} in {folder}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Run the study first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The results are out of date: run again first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Not computed yet.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Out of date: the course file has changed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>(out of date)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Computed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>not known</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.dose</name>
  <message>
   <source>Install the extension SlicerRT first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Compute the dose map and the dose of every region; what comes before is done if needed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Compute the dose first</source>
   <translation>Bereken eerst de dosis</translation>
  </message>
  <message>
   <source>Dose over the CT of the reference, with its color legend, in linked slices</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Surfaces of equal dose in 3D, seen as contours in the slices</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Slices above; time-activity curves, dose-volume histograms and the table below</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Hand dose and regions to SlicerRT and show its dose-volume histograms</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Hand the dose to SlicerRT and show its isodoses at the levels above</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The dose cannot be shown.</source>
   <translation>De dosis kan niet worden getoond.</translation>
  </message>
  <message>
   <source>The isodoses cannot be shown.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The layout cannot be shown.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>SlicerRT cannot show the histograms.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>SlicerRT cannot show the isodoses.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Region</source>
   <translation>Gebied</translation>
  </message>
  <message>
   <source>Mass (g)</source>
   <translation>Massa (g)</translation>
  </message>
  <message>
   <source>Dose (Gy)</source>
   <translation>Dosis (Gy)</translation>
  </message>
  <message>
   <source>Gy/GBq</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Map mean (Gy)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Name of the region</source>
   <translation>Naam van het gebied</translation>
  </message>
  <message>
   <source>As typed, or volume times density</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Absorbed dose with its standard uncertainty</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Dose per administered activity; needs the administered activity</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Mean of the dose map over the region, without recovery correction</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Highest voxel dose {dose} Gy</source>
   <translation>Hoogste voxeldosis {dose} Gy</translation>
  </message>
  <message>
   <source>The dose could not be computed.</source>
   <translation>De dosis kon niet worden berekend.</translation>
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.kinetics</name>
  <message>
   <source>Fit the curve of every region; what comes before is done if needed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Measure the regions or fit the curves first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Slices above; the curves of all regions below</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Play the scans in the slice views, hour by hour; click again to take them away</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Fit the curves and click a region first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The curves could not be fitted.</source>
   <translation>De krommen konden niet worden aangepast.</translation>
  </message>
  <message>
   <source>The curve cannot be shown.</source>
   <translation>De kromme kan niet worden getoond.</translation>
  </message>
  <message>
   <source>The curves cannot be shown.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The scans cannot be played.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>This model cannot be used.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Region</source>
   <translation>Gebied</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Model</translation>
  </message>
  <message>
   <source>T½ (h)</source>
   <translation>T½ (h)</translation>
  </message>
  <message>
   <source>TIA (MBq h)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Dose (Gy)</source>
   <translation>Dosis (Gy)</translation>
  </message>
  <message>
   <source>Notes</source>
   <translation>Opmerkingen</translation>
  </message>
  <message>
   <source>Name of the region</source>
   <translation>Naam van het gebied</translation>
  </message>
  <message>
   <source>Model of the fitted curve; italics when it was typed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Effective half-life of the slowest part</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Time-integrated activity with its standard uncertainty: fit, calibration, recovery and outline</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Absorbed dose; colored while it is foreseen for a fit that the dose map does not hold yet</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>How many warnings the fit has; click the row to read them</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add at least two scans first</source>
   <translation>Voeg eerst minstens twee scans toe</translation>
  </message>
  <message>
   <source>Another model for {region}; its dose is shown before you compute</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Dose {dose}, foreseen for this fit: compute the dose to take it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Dose {dose}</source>
   <translation>Dosis {dose}</translation>
  </message>
  <message>
   <source>Models tried, with the uncertainty of the fit alone:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>These earlier results cannot be used.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>{count} curves fitted, {notes} with notes</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>{region}: {label}, {chosen}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>TIA {tia}, {tail} % of it after the last scan</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Note: {text}</source>
   <translation>Opmerking: {text}</translation>
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.panel</name>
  <message>
   <source>Stop the work and leave the scene as it was</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Nothing is being done</source>
   <translation>Er wordt niets gedaan</translation>
  </message>
  <message>
   <source>Register, measure, fit and compute the absorbed dose</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The results are out of date: run again first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The dosimetry could not be finished.</source>
   <translation>De dosimetrie kon niet worden voltooid.</translation>
  </message>
  <message>
   <source>Ready to run.</source>
   <translation>Klaar om te rekenen.</translation>
  </message>
  <message>
   <source>Inputs have changed: the results are out of date. Run again.</source>
   <translation>Invoer is veranderd: de resultaten zijn verouderd. Voer opnieuw uit.</translation>
  </message>
  <message>
   <source>The results are up to date.</source>
   <translation>De resultaten zijn actueel.</translation>
  </message>
  <message>
   <source>This cannot be done.</source>
   <translation>Dit kan niet worden gedaan.</translation>
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.planning</name>
  <message>
   <source>Add an injection with the tumor, ratio, normal liver and shunt entered above; the plan is then that of the table</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>territory</source>
   <translation>stroomgebied</translation>
  </message>
  <message>
   <source>tumor</source>
   <translation>tumor</translation>
  </message>
  <message>
   <source>whole liver</source>
   <translation>hele lever</translation>
  </message>
  <message>
   <source>lungs</source>
   <translation>longen</translation>
  </message>
  <message>
   <source>extrahepatic</source>
   <translation>buiten de lever</translation>
  </message>
  <message>
   <source>ignore</source>
   <translation>negeren</translation>
  </message>
  <message>
   <source>Measure masses, tumor to normal ratios, lung shunt and lung mass on the scout and the segments, and fill the plan</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Take back the last change of this section</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The segments have changed: plan from segments again</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a folder for the plan first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Write plan_report.html, plan.json and plan.csv of the plan in the table</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Set the activity to the largest that keeps all limits</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>These are the territories of the segments: give a segment another role to take one out</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Take the injection of the clicked row out of the plan</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The injection could not be added.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The injection could not be removed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose what the segment is in the plan</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The segments make no plan.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>There is no such activity.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The last change could not be taken back.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The plan report could not be written.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Compartment</source>
   <translation>Compartiment</translation>
  </message>
  <message>
   <source>Dose (Gy)</source>
   <translation>Dosis (Gy)</translation>
  </message>
  <message>
   <source>Limit or goal (Gy)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Verdict</source>
   <translation>Oordeel</translation>
  </message>
  <message>
   <source>Where the activity goes</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Mean absorbed dose of the activity</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Of the product under what is known, or entered</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Whether limit and goal are kept</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Segment</source>
   <translation>Segment</translation>
  </message>
  <message>
   <source>Role</source>
   <translation>Rol</translation>
  </message>
  <message>
   <source>Name of the segment</source>
   <translation>Naam van het segment</translation>
  </message>
  <message>
   <source>What it is in the plan; suggested by name and kind, can be chosen</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Injection</source>
   <translation>Injectie</translation>
  </message>
  <message>
   <source>Activity (GBq)</source>
   <translation>Activiteit (GBq)</translation>
  </message>
  <message>
   <source>Tumor (g)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>T/N</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Normal liver (g)</source>
   <translation>Normale lever (g)</translation>
  </message>
  <message>
   <source>Shunt (%)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Name of the position or territory</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Activity of this injection; can be entered, 0 for a position that is not used</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Perfused tumor of this injection</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Tumor to normal ratio of this injection</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Perfused normal liver of this injection</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Share of its activity that goes to the lungs</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Nothing to take back</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The table shows the plan from segments.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The table shows a plan from segments that have changed since: plan again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>It holds every tumor and territory; the fields hold them as one.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Within the limits.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>No limits: choose a product, or enter limits.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Click a row first</source>
   <translation>Klik eerst op een rij</translation>
  </message>
  <message>
   <source>This value cannot be used.</source>
   <translation>Deze waarde kan niet worden gebruikt.</translation>
  </message>
  <message>
   <source>This role cannot be used.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Written: {names} in {folder}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The table shows the entered plan of several injections.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The table shows the entered plan of one tumor.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Above the limit: {names}.</source>
   <translation>Boven de grens: {names}.</translation>
  </message>
  <message>
   <source>Overruled: {value} was measured</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Entered over what was measured: {names}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Below the goal: {names}.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.regions</name>
  <message>
   <source>Measure the activity of every region in every scan; scans are registered first if they are not</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Load a study or add time points first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Draw and correct regions on the reference; a segmentation is made if there is none</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add the connected voxels above the threshold as a lesion</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add a sphere around the seed as a region</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Kidneys, liver and spleen on the CT of the reference; 5 to 50 minutes without a graphics card, and it can be stopped</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>This value cannot be used.</source>
   <translation>Deze waarde kan niet worden gebruikt.</translation>
  </message>
  <message>
   <source>The regions could not be measured.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The organs could not be segmented.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The isocontour could not be drawn.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The sphere could not be drawn.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Region</source>
   <translation>Gebied</translation>
  </message>
  <message>
   <source>Kind</source>
   <translation>Soort</translation>
  </message>
  <message>
   <source>Volume (mL)</source>
   <translation>Volume (mL)</translation>
  </message>
  <message>
   <source>RC</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>u(RC)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Mass (g)</source>
   <translation>Massa (g)</translation>
  </message>
  <message>
   <source>T½ (h)</source>
   <translation>T½ (h)</translation>
  </message>
  <message>
   <source>Name of the segment</source>
   <translation>Naam van het segment</translation>
  </message>
  <message>
   <source>organ, lesion or other; can be typed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Volume as drawn</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Recovery coefficient: measured over true activity; can be typed, 1 means no correction</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Standard uncertainty of the recovery coefficient, in its own unit; can be typed, 0.03 means 0.85 ± 0.03</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Can be typed; empty means volume times density</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Effective half-life of an earlier cycle or a population, for a single scan; can be typed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Install the extension TotalSegmentator first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add the CTs of the time points first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>This recovery curve cannot be used.</source>
   <translation>Deze recoverykromme kan niet worden gebruikt.</translation>
  </message>
  <message>
   <source>The editor cannot be opened.</source>
   <translation>De editor kan niet worden geopend.</translation>
  </message>
  <message>
   <source>{count} regions measured</source>
   <translation>{count} gebieden gemeten</translation>
  </message>
  <message>
   <source>Recovery: {words}</source>
   <translation>Recovery: {words}</translation>
  </message>
  <message>
   <source>From the recovery curve, for {volume} mL</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.registration</name>
  <message>
   <source>Bring every CT onto that of the reference; each activity image follows its CT</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Bring every activity image onto that of the reference, for scans without a CT; each CT follows its activity image</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Bring every CT onto that of the reference with BRAINSFit</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Click the row of a scan first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>This is the reference: click another scan</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Show this scan over the reference in linked slices; fade between them below</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Show cubes of this scan and of the reference in turn: edges of organs go on where the alignment is right</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>From the reference alone to this scan alone</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Use the transforms of the scene from now on, and correct this one in Transforms</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The scans could not be registered.</source>
   <translation>De scans konden niet worden geregistreerd.</translation>
  </message>
  <message>
   <source>The scans cannot be shown.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The transform cannot be corrected.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Scan</source>
   <translation>Scan</translation>
  </message>
  <message>
   <source>Shift (mm)</source>
   <translation>Verschuiving (mm)</translation>
  </message>
  <message>
   <source>Turn (°)</source>
   <translation>Draaiing (°)</translation>
  </message>
  <message>
   <source>Correl.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Bones</source>
   <translation>Botten</translation>
  </message>
  <message>
   <source>MI</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>FOV (%)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Method</source>
   <translation>Methode</translation>
  </message>
  <message>
   <source>Time of the scan</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>How far the middle of the body was moved</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>By how much it was turned</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Correlation of the CTs after registration; 1 is best</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Overlap (Dice) of the bones after registration; 1 is best</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Mutual information after registration, in nats; more is better, between the scans of one patient</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>How much of the body of the reference lies in the field of view of the scan as well</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>How the alignment was found</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Click Blend first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Lowest correlation {value} after registration</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.report</name>
  <message>
   <source>Write report, tables, dose volume and RTDOSE</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Load a DICOM study first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Write what the panel holds as study.json, for python -m RNTDosimetryLib run</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The report could not be written.</source>
   <translation>Het verslag kon niet worden geschreven.</translation>
  </message>
  <message>
   <source>The study file could not be written.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The self check could not be finished.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Case</source>
   <translation>Geval</translation>
  </message>
  <message>
   <source>Expected</source>
   <translation>Verwacht</translation>
  </message>
  <message>
   <source>Found</source>
   <translation>Gevonden</translation>
  </message>
  <message>
   <source>Unit</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Verdict</source>
   <translation>Oordeel</translation>
  </message>
  <message>
   <source>Source</source>
   <translation>Bron</translation>
  </message>
  <message>
   <source>What is computed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>What the source says</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>What this installation computes</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Unit of both</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Whether the deviation is within the limit</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Where the expected number comes from</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Choose a folder first</source>
   <translation>Kies eerst een map</translation>
  </message>
  <message>
   <source>Written.</source>
   <translation>Geschreven.</translation>
  </message>
  <message>
   <source>{names} in {folder}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Self check: {passed} of {count} cases passed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Run first</source>
   <translation>Voer eerst uit</translation>
  </message>
  <message>
   <source>The results are out of date: run again first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Ready to write.</source>
   <translation>Klaar om te schrijven.</translation>
  </message>
  <message>
   <source>passed</source>
   <translation>geslaagd</translation>
  </message>
  <message>
   <source>NOT passed</source>
   <translation>NIET geslaagd</translation>
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.section</name>
  <message>
   <source>Out of date: an input has changed.</source>
   <translation>Verouderd: een invoer is veranderd.</translation>
  </message>
  <message>
   <source>(out of date)</source>
   <translation>(verouderd)</translation>
  </message>
  <message>
   <source>Up to date.</source>
   <translation>Actueel.</translation>
  </message>
  <message>
   <source>Not done yet.</source>
   <translation>Nog niet gedaan.</translation>
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.settings</name>
  <message>
   <source>Time-activity model</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Time-activity model of the regions</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Voxel curves</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>How the time curve of a voxel is found</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Rates of the region</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Own mono-exponential</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Own best model</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Dose map</source>
   <translation>Dosiskaart</translation>
  </message>
  <message>
   <source>Kernel: electron and photon dose around each voxel. Local: electrons where they are emitted, photons left out</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Kernel (electrons and photons)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Local deposition (electrons)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Density</source>
   <translation>Dichtheid</translation>
  </message>
  <message>
   <source>For the mass of the regions and the dose map; soft tissue is 1.04 g/mL</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Density from CT</source>
   <translation>Dichtheid uit CT</translation>
  </message>
  <message>
   <source>Density of every voxel of the dose map from the CT of the reference, instead of one density</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Map follows regions</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Scale the voxels of every region to its recovery-corrected activity; without it blur lowers the map in small regions</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Organs without lesions</source>
   <translation>Organen zonder laesies</translation>
  </message>
  <message>
   <source>Report an organ that lesions lie in a second time, without them</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Calibration uncertainty</source>
   <translation>Onzekerheid van de kalibratie</translation>
  </message>
  <message>
   <source>1 sigma of the camera calibration, relative, common to all scans and added once</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Scan uncertainty</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>How well a scan of the same activity repeats, 1 sigma, relative, beside the noise of its voxels: repositioning and reconstruction</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Image resolution</source>
   <translation>Beeldresolutie</translation>
  </message>
  <message>
   <source>Full width at half maximum of the activity images, for the uncertainty of the outlines; 0 in the panel leaves it out</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Alignment uncertainty</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>How far a region may lie beside its place in a later scan, 1 sigma along each axis; 0 in the panel takes it from the registration</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.study</name>
  <message>
   <source>dosimetry study</source>
   <translation>dosimetriestudie</translation>
  </message>
  <message>
   <source>Choose the folder with the DICOM files first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Read the DICOM files into the scene</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>A small made-up patient with known truth, to learn with; nothing is downloaded</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The files do not say it, or none were read</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Loaded.</source>
   <translation>Geladen.</translation>
  </message>
  <message>
   <source>The study could not be loaded.</source>
   <translation>De studie kon niet worden geladen.</translation>
  </message>
  <message>
   <source>The phantom could not be made.</source>
   <translation>Het fantoom kon niet worden gemaakt.</translation>
  </message>
  <message>
   <source>This time cannot be used.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>read</source>
   <translation>gelezen</translation>
  </message>
  <message>
   <source>Choose a DICOM folder, or go on to Time points for volumes that are in the scene.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>{scans} scans, {regions} regions</source>
   <translation>{scans} scans, {regions} gebieden</translation>
  </message>
  <message>
   <source>typed</source>
   <translation>ingevoerd</translation>
  </message>
  <message>
   <source>missing</source>
   <translation>ontbreekt</translation>
  </message>
  <message>
   <source>The files say {value}</source>
   <translation>De bestanden zeggen {value}</translation>
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.timepoints</name>
  <message>
   <source>Choose a calibration file or type the sensitivity first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Fill Cal. of the scans in counts from the sensitivity, their duration and their voxels</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Click a row first</source>
   <translation>Klik eerst op een rij</translation>
  </message>
  <message>
   <source>Add the volume with the typed hours and calibration, or all frames of a sequence with their own times</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Take the clicked scan out of the study; its volumes stay in the scene</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The regions are drawn on the clicked scan, and the others are brought onto it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Take all scans out of the study; the volumes stay in the scene</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>This sensitivity cannot be used.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The counts could not be calibrated.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>This value cannot be used.</source>
   <translation>Deze waarde kan niet worden gebruikt.</translation>
  </message>
  <message>
   <source>The time point could not be added.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The time point could not be removed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>The time points could not be cleared.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Scan</source>
   <translation>Scan</translation>
  </message>
  <message>
   <source>Start (h)</source>
   <translation>Begin (h)</translation>
  </message>
  <message>
   <source>Time (s)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Status</source>
   <translation>Toestand</translation>
  </message>
  <message>
   <source>Unit</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Cal.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>CT</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Activity volume of the scan</source>
   <translation>Activiteitsvolume van de scan</translation>
  </message>
  <message>
   <source>Hours from administration to start of acquisition; can be typed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Duration of the acquisition; can be typed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Whether the scan can be used</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Unit of the calibrated image</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Bq/mL for a stored value of 1; can be typed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>CT of the same session</source>
   <translation>CT van dezelfde sessie</translation>
  </message>
  <message>
   <source>No scans yet: load a study, or add volumes that are in the scene.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Add the scans first</source>
   <translation>Voeg eerst de scans toe</translation>
  </message>
  <message>
   <source>Choose an activity volume first</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>There are no time points</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>This calibration cannot be used.</source>
   <translation>Deze kalibratie kan niet worden gebruikt.</translation>
  </message>
  <message>
   <source>The frames could not be added.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Complete.</source>
   <translation>Volledig.</translation>
  </message>
  <message>
   <source>{count} scans from {first} h to {last} h</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>RNTDosimetryPanel.work</name>
  <message>
   <source>Cancelled: the scene is as it was.</source>
   <translation>Geannuleerd: de scène is zoals zij was.</translation>
  </message>
  <message>
   <source>Stopped: the scene was closed.</source>
   <translation>Gestopt: de scène werd gesloten.</translation>
  </message>
  <message>
   <source>Stopping...</source>
   <translation>Bezig te stoppen...</translation>
  </message>
  <message>
   <source>About {seconds} s left.</source>
   <translation>Nog ongeveer {seconds} s.</translation>
  </message>
  <message>
   <source>Stopped. {reason}</source>
   <translation>Gestopt. {reason}</translation>
  </message>
 </context>
 <context>
  <name>study.parameters</name>
  <message>
   <source>CT to CT: SimpleITK, the measured one</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>CT to CT: BRAINSFit</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>CT to CT: SimpleITK</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Activity to activity</source>
   <translation>Activiteit op activiteit</translation>
  </message>
  <message>
   <source>My transforms in the scene</source>
   <translation>Mijn transformaties in de scène</translation>
  </message>
  <message>
   <source>None: the scans are aligned</source>
   <translation>Geen: de scans liggen op elkaar</translation>
  </message>
  <message>
   <source>not given</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Segmentectomy</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Lobectomy</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Unilobar</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Bilobar</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Not pre-treated or impaired</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Pre-treated or impaired</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Hepatocellular carcinoma</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Intrahepatic cholangiocarcinoma</source>
   <translation type="unfinished" />
  </message>
  <message>
   <source>Colorectal metastases</source>
   <translation type="unfinished" />
  </message>
 </context>
</TS>
