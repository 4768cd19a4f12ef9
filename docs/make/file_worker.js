// Search runs in a worker, and browsers start none for pages that are opened as files. Such pages get one that is none: its
// script runs in a hidden frame. (The generator would fetch a script for this from another host.)
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.documentElement.append(frame)
      this.frame = frame
      this.inner = frame.contentWindow
      this.inner.postMessage = data => this.deliver(this, data)
      this.inner.importScripts = (...urls) => Promise.all(urls.map(each => this.load(each)))
      this.ready = this.load(new URL(url, document.baseURI).href)
    }
    load(url) {
      const script = this.inner.document.createElement("script")
      script.src = url
      return new Promise((resolve, reject) => {
        script.onload = resolve
        script.onerror = reject
        this.inner.document.documentElement.append(script)
      })
    }
    set onmessage(listener) {
      this.addEventListener("message", listener)
    }
    postMessage(data) {
      const sent = structuredClone(data)
      this.ready.then(() => this.deliver(this.inner, sent))
    }
    // As between threads: later, and a copy.
    deliver(target, data) {
      const sent = structuredClone(data)
      setTimeout(() => target.dispatchEvent(new MessageEvent("message", { data: sent })))
    }
    terminate() {
      this.frame.remove()
    }
  }
}
