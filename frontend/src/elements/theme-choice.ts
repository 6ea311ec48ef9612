// <theme-choice>: light, dark, or as the system has it. theme.js has applied the choice before the first paint.

const CHOICES = { auto: "System", light: "Light", dark: "Dark" } as const;
type Choice = keyof typeof CHOICES;

const isChoice = (text: string | null): text is Choice => text !== null && text in CHOICES;

export function resolve(choice: Choice, systemIsDark: boolean): "light" | "dark" {
  return choice === "auto" ? (systemIsDark ? "dark" : "light") : choice;
}

export class ThemeChoice extends HTMLElement {
  private readonly system = matchMedia("(prefers-color-scheme: dark)");

  connectedCallback(): void {
    if (this.querySelector("select")) return;
    const label = document.createElement("label");
    label.className = "visually-hidden";
    label.htmlFor = "theme";
    label.textContent = "Colours";
    const select = document.createElement("select");
    select.id = "theme";
    select.className = "form-select form-select-sm";
    for (const [value, text] of Object.entries(CHOICES)) select.add(new Option(text, value));
    select.value = this.stored();
    select.addEventListener("change", () => {
      try {
        localStorage.setItem("theme", select.value);
      } catch {
        // A browser that keeps nothing still shows the choice on this page.
      }
      this.apply(isChoice(select.value) ? select.value : "auto");
    });
    this.system.addEventListener("change", () => {
      this.apply(this.stored());
    });
    this.append(label, select);
  }

  private stored(): Choice {
    try {
      const stored = localStorage.getItem("theme");
      return isChoice(stored) ? stored : "auto";
    } catch {
      return "auto";
    }
  }

  private apply(choice: Choice): void {
    document.documentElement.dataset.bsTheme = resolve(choice, this.system.matches);
    // Canvases read their colours when they draw.
    document.dispatchEvent(new CustomEvent("theme-changed"));
  }
}

customElements.define("theme-choice", ThemeChoice);
