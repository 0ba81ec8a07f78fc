// A WebSocket to the same host, and a line that says how it is.

export function open(path, state, button) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}${path}`);
  let opened = false;
  socket.addEventListener("open", () => {
    opened = true;
    state.textContent = "connected";
    button.disabled = false;
  });
  socket.addEventListener("close", (event) => {
    button.disabled = true;
    state.textContent = opened
      ? `closed with code ${event.code}${event.reason ? `: ${event.reason}` : ""}`
      : "no WebSocket here: they need ASGI, so serve the project with --asgi";
  });
  return socket;
}

export function line(list, name, text) {
  const item = document.createElement("li");
  const bold = document.createElement("b");
  bold.textContent = name;
  item.append(bold, ` ${text}`);
  list.append(item);
  item.scrollIntoView({ block: "nearest" });
}
