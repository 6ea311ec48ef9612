// What an item may look like: the numbers that the server judges by, as the page brings them along.

export interface ActionRules {
  letters: string;
  contextLetters: string;
  needsMask: boolean;
  example: string;
  /** The parent that the example is about; empty where the action has none. */
  parent: string;
  /** Whether its library can be judged without the service. */
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

/** What one look at a library needs to know. */
export interface ItemRules {
  letters: string;
  contextLetters: string;
  needsMask: boolean;
  maxResidues: number;
  maxContexts: number;
}
