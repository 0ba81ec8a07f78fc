// What is typed goes to everybody; what anybody has typed is shown.
const form = document.querySelector("#say");

if (form) {
  const socket = new WebSocket(new URL("/everybody/", location.href.replace(/^http/, "ws")));
  socket.addEventListener("message", (event) => {
    const item = document.createElement("li");
    item.textContent = event.data;
    document.querySelector("#said").append(item);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    socket.send(form.text.value);
    form.reset();
  });
}
