"""Taking an upload in without keeping it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

if TYPE_CHECKING:
    Upload = UploadedFile[bytes]
else:
    Upload = UploadedFile


class HashedFile(Upload):
    """A file of which only name, size and digest are left; it cannot be read."""

    sha256: str


class HashingUploadHandler(FileUploadHandler):
    """Digests each chunk and passes none on, so the size of an upload costs no memory and no disk."""

    def new_file(self, *args: object, **kwargs: object) -> None:
        super().new_file(*args, **kwargs)  # type: ignore[arg-type]
        self._digest = hashlib.sha256()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self._digest.update(raw_data)
        return None

    def file_complete(self, file_size: int) -> HashedFile:
        file = HashedFile(None, self.file_name, self.content_type, file_size, self.charset)
        file.sha256 = self._digest.hexdigest()
        return file
