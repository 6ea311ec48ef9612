// <copy-button for="ID">: copies the text of that element. Without scripts it shows nothing: the text can be selected.

export class CopyButton extends HTMLElement {
  connectedCallback(): void {
    if (this.querySelector("button")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-outline-secondary";
    button.textContent = "Copy";
    const what = this.getAttribute("label");
    if (what) button.setAttribute("aria-label", `Copy ${what}`);
    const said = document.createElement("span");
    said.className = "visually-hidden";
    said.setAttribute("role", "status");
    button.addEventListener("click", () => {
      void this.copy(button, said);
    });
    this.append(button, said);
  }

  private async copy(button: HTMLButtonElement, said: HTMLElement): Promise<void> {
    const source = document.getElementById(this.getAttribute("for") ?? "");
    const text = source?.textContent.trim() ?? "";
    const copied = (await toClipboard(text)) || select(source);
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    said.textContent = copied ? "Copied" : "The text is selected; press Control C to copy it";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2000);
  }
}

/** Returns whether the text was copied. Browsers allow it over HTTPS and on this machine, not over plain HTTP from elsewhere. */
async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Selects the text for the user to copy, and returns false. */
function select(source: HTMLElement | null): boolean {
  if (source) getSelection()?.selectAllChildren(source);
  return false;
}

customElements.define("copy-button", CopyButton);
