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
  /** What one work unit is, and several are. */
  unitWords: [string, string];
  /** The scoring methods that it offers, if any. */
  methods: string[] | null;
}

/** An array that each item stores, if the form has `value` in `field`; always if `field` is empty. */
export interface StoredArray {
  field: string;
  value: string;
  /** What has a row of it. */
  per: "item" | "residue" | "mask";
  /** Of one row. */
  bytes: number;
  /** Whether every layer has one. */
  layered: boolean;
  /** Whether float16 halves it. */
  halves: boolean;
}

export interface ModelRules {
  maxResidues: number;
  /** By action; null if only the service can count them. */
  stores: Record<string, StoredArray[] | null>;
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
