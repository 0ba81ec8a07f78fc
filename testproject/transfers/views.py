from __future__ import annotations

import hashlib

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from .hashing import HashedFile, HashingUploadHandler

PICTURE = "pages/static/pages/gateway.svg"


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    # Before the CSRF check, which reads the form: afterwards handlers cannot be chosen any more.
    request.upload_handlers = [HashingUploadHandler(request)]
    return _upload(request)


@csrf_protect
def _upload(request: HttpRequest) -> HttpResponse:
    files = [file for _, group in request.FILES.lists() for file in group if isinstance(file, HashedFile)]
    reports = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files]
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"files": reports})
    return render(request, "transfers/upload.html", {"reports": reports, "sent": request.method == "POST"})


@csrf_exempt
@require_http_methods(["POST", "PUT"])
def raw(request: HttpRequest) -> JsonResponse:
    """Reads the body in pieces, whatever its type."""
    digest = hashlib.sha256()
    size = 0
    while chunk := request.read(65_536):
        digest.update(chunk)
        size += len(chunk)
    return JsonResponse({"size": size, "sha256": digest.hexdigest(), "content_type": request.content_type})


def download(request: HttpRequest) -> FileResponse:
    return FileResponse((settings.BASE_DIR / PICTURE).open("rb"), as_attachment=True, filename="gateway.svg")
