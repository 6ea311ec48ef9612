// <account-menu><details>…</details></account-menu>: the disclosure closes on Escape, and when focus or pointer go elsewhere.
// Without scripts it opens and closes as any <details> does.

export class AccountMenu extends HTMLElement {
  private readonly elsewhere = (event: Event) => {
    if (event.target instanceof Node && !this.contains(event.target)) this.close();
  };

  connectedCallback(): void {
    this.addEventListener("keydown", this.pressed);
    this.addEventListener("focusout", this.left);
    this.addEventListener("submit", this.loggedOut);
    document.addEventListener("pointerdown", this.elsewhere);
  }

  disconnectedCallback(): void {
    document.removeEventListener("pointerdown", this.elsewhere);
  }

  private readonly pressed = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !this.disclosure?.open) return;
    this.close();
    this.querySelector("summary")?.focus();
  };

  /** Forgets what the new-job page keeps in this tab, because the next person may use the same browser. */
  private readonly loggedOut = (): void => {
    sessionStorage.clear();
  };

  /** Closes the menu if focus moves elsewhere. Without a new target the window lost focus, or `elsewhere` handles the click. */
  private readonly left = ({ relatedTarget }: FocusEvent): void => {
    if (relatedTarget instanceof Node && !this.contains(relatedTarget)) this.close();
  };

  private get disclosure(): HTMLDetailsElement | null {
    return this.querySelector("details");
  }

  private close(): void {
    if (this.disclosure) this.disclosure.open = false;
  }
}

customElements.define("account-menu", AccountMenu);
