// Sending the form with progress. XMLHttpRequest reports how much has been sent; fetch() does not.

export interface Answer {
  status: number;
  text: string;
}

export interface Sending {
  /** Rejects with "stopped" if the user stopped it, and with "network" if the connection broke. */
  answer: Promise<Answer>;
  stop(): void;
}

export function send(url: string, body: FormData, progress: (sent: number, total: number) => void): Sending {
  const request = new XMLHttpRequest();
  const answer = new Promise<Answer>((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded, event.total);
    });
    request.addEventListener("load", () => {
      resolve({ status: request.status, text: request.responseText });
    });
    request.addEventListener("error", () => {
      reject(new Error("network"));
    });
    request.addEventListener("abort", () => {
      reject(new Error("stopped"));
    });
    request.open("POST", url);
    request.setRequestHeader("X-Requested-With", "fetch");
    request.send(body);
  });
  return {
    answer,
    stop: () => {
      request.abort();
    },
  };
}
