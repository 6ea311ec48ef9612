// Reads libraries in a thread of its own, so that a file of a gigabyte does not freeze the page.
import { look, type Look, type Seen } from "./look";

let newest = 0;

addEventListener("message", (event: MessageEvent<Look>) => {
  const asked = event.data;
  newest = asked.number;
  const tell = (seen: Seen) => {
    postMessage(seen);
  };
  void look(asked, tell, () => asked.number !== newest);
});
