// The new-job page: previews, examples without reload, sending with progress, errors beside their fields.
// The form also works without this script.
import { asker } from "./new-job/costs";
import { offerExamples, offerMethods, takeDrops } from "./new-job/examples";
import { keep, restore } from "./new-job/keeping";
import { action, form, model, storedArrays } from "./new-job/page";
import { context, estimate, forgetRecords, library, watchSources } from "./new-job/previews";
import { sendWithProgress } from "./new-job/sending";

watchSources();
offerExamples();
takeDrops();
sendWithProgress();

for (const choice of [action, model]) {
  choice.addEventListener("change", () => {
    offerMethods();
    forgetRecords();
    library.look();
    context.look();
  });
}
form.addEventListener("change", estimate);
form.addEventListener("input", () => {
  if (!storedArrays()) asker.later();
});

restore();
offerMethods();
form.addEventListener("input", keep);
form.addEventListener("change", keep);

for (const note of document.querySelectorAll("[data-no-script]")) note.remove();
for (const one of document.querySelectorAll(".with-scripts")) one.removeAttribute("hidden");
library.look();
context.look();
