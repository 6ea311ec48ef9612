// Loaded by every page: styles, live fragments (htmx with server-sent events), theme and copy buttons.
import "./styles/app.css";
import "./styles/campaigns.css";
import "./styles/thumbs.css";
import "./styles/contexts.css";
import "./styles/home.css";
import "./styles/account.css";
import "htmx.org";
import "htmx-ext-sse";
import "idiomorph/htmx";
import "./elements/account-menu";
import "./elements/copy-button";
import "./elements/job-notices";
import "./elements/local-time";
import "./elements/notice-permission";
import "./elements/theme-choice";
import { catchUpFilter } from "./lib/filter";
import { followLiveParts } from "./lib/live";
import { followChoices } from "./lib/choices";
import { keepWhatIsInHand } from "./lib/morphs";
import { followOverflow } from "./lib/overflow";
import { followSessions } from "./lib/sessions";
import { followFragments } from "./lib/unfold";

followSessions();
followChoices();
keepWhatIsInHand();
followLiveParts();
followOverflow();
// By now the page's own script has run, and htmx knows the page.
document.addEventListener("DOMContentLoaded", () => {
  catchUpFilter();
  followFragments();
  document.documentElement.dataset.ready = "";
});
