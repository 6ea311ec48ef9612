// Reads libraries off the page's own thread: a file of a gigabyte does not make the page stand still.
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
