// The server's rules for an item, which the page contains.

export interface ActionRules {
  letters: string;
  contextLetters: string;
  needsMask: boolean;
  example: string;
  /** The parent of the example; empty if the action has none. */
  parent: string;
  /** Whether the browser can check the library without the service. */
  preview: boolean;
}

export interface ModelRules {
  width: number;
  maxResidues: number;
}

export interface PageRules {
  actions: Record<string, ActionRules>;
  models: Record<string, ModelRules>;
  maxContexts: number;
}

/** What reading a library needs. */
export interface ItemRules {
  letters: string;
  contextLetters: string;
  needsMask: boolean;
  maxResidues: number;
  maxContexts: number;
}
