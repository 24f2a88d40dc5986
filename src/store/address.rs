//! From the address of a store to the store: a folder, or a bucket with the credentials of the environment.

use std::{path::PathBuf, sync::Arc};

use object_store::{
    ObjectStore, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder, path::Path,
};

use super::{Bucket, Folder, Store, StoreError};

/// Where a store lies, as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A folder of this machine.
    Folder(PathBuf),
    /// `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`.
    Bucket {
        /// Whose storage it is.
        provider: Provider,
        /// The bucket or the container.
        bucket: String,
        /// What every key begins with; may be empty.
        prefix: String,
    },
}

/// Kinds of object storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Amazon S3 and what speaks its protocol. Reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
    /// `AWS_ENDPOINT`, `AWS_ALLOW_HTTP` and the like.
    S3,
    /// Google Cloud Storage. Reads `GOOGLE_SERVICE_ACCOUNT` and the like.
    Gcs,
    /// Azure blob storage. Reads `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY` and the like.
    Azure,
}

const SCHEMES: [(&str, Provider); 3] = [("s3://", Provider::S3), ("gs://", Provider::Gcs), ("az://", Provider::Azure)];

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`StoreError::Address`] says what to write instead.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let wrong = |why: &str| StoreError::Address { address: text.to_owned(), why: why.to_owned() };
        for (scheme, provider) in SCHEMES {
            let Some(rest) = text.strip_prefix(scheme) else { continue };
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(wrong("the bucket is missing; write for example s3://my-bucket/updates"));
            }
            let prefix = prefix.trim_end_matches('/');
            if Path::parse(prefix).is_err() {
                return Err(wrong("the prefix has an empty part, or one that is . or .."));
            }
            return Ok(Self::Bucket { provider, bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        }
        if text.is_empty() {
            return Err(wrong("it is empty; write a folder, or for example s3://my-bucket/updates"));
        }
        if text.contains("://") {
            return Err(wrong("write a folder, or s3://, gs:// or az:// with a bucket and a prefix"));
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }

    /// Opens the store, which must be there.
    ///
    /// # Errors
    /// As [`Folder::open`] and [`Bucket::open`]; [`StoreError::Remote`] where the environment holds no credentials.
    pub async fn open(&self) -> Result<Store, StoreError> {
        Ok(match self {
            Self::Folder(root) => Store::new(Arc::new(Folder::open(root)?)),
            Self::Bucket { prefix, .. } => Store::new(Arc::new(
                Bucket::open(self.storage()?, Path::from(prefix.as_str()), self.to_string()).await?,
            )),
        })
    }

    /// Opens the store, and makes it first where there is none.
    ///
    /// # Errors
    /// As [`Folder::create`] and [`Bucket::create`]; [`StoreError::Remote`] where the environment holds no credentials.
    pub async fn create(&self) -> Result<Store, StoreError> {
        Ok(match self {
            Self::Folder(root) => Store::new(Arc::new(Folder::create(root)?)),
            Self::Bucket { prefix, .. } => Store::new(Arc::new(
                Bucket::create(self.storage()?, Path::from(prefix.as_str()), self.to_string()).await?,
            )),
        })
    }

    fn storage(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let Self::Bucket { provider, bucket, .. } = self else {
            return Err(StoreError::Address { address: self.to_string(), why: "it is a folder".to_owned() });
        };
        let remote = |source| StoreError::Remote { action: "reach", place: self.to_string(), source };
        use_ring();
        Ok(match provider {
            Provider::S3 => {
                Arc::new(AmazonS3Builder::from_env().with_bucket_name(bucket.as_str()).build().map_err(remote)?)
            }
            Provider::Gcs => Arc::new(
                GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket.as_str()).build().map_err(remote)?,
            ),
            Provider::Azure => Arc::new(
                MicrosoftAzureBuilder::from_env().with_container_name(bucket.as_str()).build().map_err(remote)?,
            ),
        })
    }
}

/// Makes ring what encrypts connections, unless the program has chosen something else already.
///
/// Needed before an [`ObjectStore`] of the network is built. [`Address::open`] does it.
pub fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(root) => root.display().fmt(f),
            Self::Bucket { provider, bucket, prefix } => {
                let scheme = SCHEMES.iter().find(|(_, other)| other == provider).map_or("", |(scheme, _)| scheme);
                write!(f, "{scheme}{bucket}")?;
                if prefix.is_empty() { Ok(()) } else { write!(f, "/{prefix}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["store", "/a/b", "./s3", "s3://bucket", "s3://bucket/a/b", "gs://b/c", "az://c"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Address::parse("s3://b/a/").unwrap(), Address::parse("s3://b/a").unwrap());
        for wrong in ["", "s3://", "s3:///a", "ftp://host/a", "s3://b/a//c", "s3://b/../c"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
