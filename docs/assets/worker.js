// Browsers start no worker for a page that was opened from a disk. There, the search runs in a hidden frame.
if (location.protocol === "file:") {
  // As between a page and its worker: copies, and never at once.
  const send = (deliver, data) => {
    const copy = structuredClone(data);
    setTimeout(() => deliver(new MessageEvent("message", { data: copy })));
  };

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) =>
        send((message) => {
          this.onmessage?.(message);
          this.dispatchEvent(message);
        }, data);
      const script = inside.document.createElement("script");
      script.src = new URL(url, location.href);
      this.ready = new Promise((loaded) => script.addEventListener("load", loaded));
      inside.document.body.append(script);
    }

    postMessage(data) {
      const inside = this.frame.contentWindow;
      this.ready.then(() => send((message) => inside.dispatchEvent(message), data));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
