// <notice-permission>: says whether this browser allows notifications, with a button that asks for it. Only a click asks.

const TEXTS: Record<string, string> = {
  granted: "This browser allows it.",
  denied: "This browser refuses it for this address; its settings can change that.",
  default: "This browser has not been asked yet.",
};

export class NoticePermission extends HTMLElement {
  connectedCallback(): void {
    this.refresh();
  }

  private refresh(): void {
    const said = document.createElement("p");
    said.className = "mb-1";
    said.setAttribute("role", "status");
    this.replaceChildren(said);
    if (!("Notification" in window) || !window.isSecureContext) {
      said.textContent = "This browser shows notifications over https only, and on the service's own machine.";
      return;
    }
    said.textContent = TEXTS[Notification.permission] ?? "";
    if (Notification.permission !== "default") return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-outline-secondary";
    button.textContent = "Allow in this browser";
    button.addEventListener("click", () => {
      void Notification.requestPermission().then(() => {
        this.refresh();
      });
    });
    this.append(button);
  }
}

customElements.define("notice-permission", NoticePermission);
